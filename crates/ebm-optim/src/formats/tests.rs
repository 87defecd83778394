//! What all formats have in common.

mod errors;

use proptest::prelude::*;

use super::*;
use crate::{Graph, Ising, MaxCutForm, Qubo, binary_of_spins};

/// Spins of all states.
fn states(n: usize) -> impl Iterator<Item = Vec<i8>> {
    (0..1_u32 << n).map(move |bits| (0..n).map(|i| 1 - 2 * (bits >> i & 1) as i8).collect())
}

fn instances() -> impl Strategy<Value = [Instance; 3]> {
    // Quarters are exact in every form.
    let number = || (-12_i32..13).prop_map(|k| f64::from(k) / 4.0);
    (1_usize..6).prop_flat_map(move |n| {
        let pairs = n * (n - 1) / 2;
        let weights = prop::collection::vec(prop::option::of(number()), pairs);
        let linear = prop_oneof![Just(vec![0.0; n]), prop::collection::vec(number(), n)];
        (weights, linear, number()).prop_map(move |(weights, linear, offset)| {
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            let pairs: Vec<_> =
                pairs.zip(weights).filter_map(|((i, j), w)| Some((i, j, w?))).collect();
            let qubo = Qubo::new(linear.clone(), &pairs).unwrap().with_constant(offset).unwrap();
            let ising = Ising::from_couplings(n, &pairs).unwrap().with_fields(linear).unwrap();
            let ising = ising.with_offset(offset).unwrap();
            [Graph::new(n, pairs).unwrap().into(), ising.into(), qubo.into()]
        })
    })
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Rudy => "",
        Format::Edges => "edges",
        Format::MqlibQubo | Format::Qbsolv => "qubo",
        Format::Coo => "txt",
        Format::BqmJson => "json",
        Format::MatrixMarket => "mtx",
        Format::Npy => "npy",
    }
}

/// Energies of the file's problem, lifted, are those of the instance.
fn check_energies(instance: &Instance, again: &Instance, written: &Written) {
    assert_eq!(again.model(), written.model);
    let (ising, read) = (instance.to_ising().unwrap(), again.to_ising().unwrap());
    assert_eq!(again.len(), instance.len() + usize::from(written.ancilla.is_some()));
    for s in states(again.len()) {
        let lifted: Vec<i8> = match written.ancilla {
            None => s.clone(),
            Some(a) => s[..a].iter().map(|x| x * s[a]).collect(),
        };
        let energy = ising.energy(&lifted).unwrap();
        assert_eq!(read.energy(&s).unwrap() + written.dropped_offset, energy);
    }
}

proptest! {
    #[test]
    fn every_format_keeps_every_energy(instances in instances()) {
        for instance in &instances {
            for format in Format::ALL {
                let (bytes, written) = encode(instance, format).unwrap();
                // A dense matrix does not tell what it means.
                let model = (format == Format::Npy).then_some(written.model);
                let hints = Hints { model, ..Hints::default() };
                let (again, told) = decode(&bytes, &hints, extension(format)).unwrap();
                prop_assert_eq!(told, format);
                check_energies(instance, &again, &written);
                // Once in the form of the format, bytes do not change.
                if written.ancilla.is_none() && written.dropped_offset == 0.0 {
                    prop_assert_eq!(encode(&again, format).unwrap().0, bytes);
                }
            }
        }
    }

    #[test]
    fn forms_without_ancilla_read_back_as_they_were(instances in instances()) {
        let [graph, ising, qubo] = &instances;
        for (instance, formats) in [
            (graph, &[Format::Rudy, Format::MatrixMarket][..]),
            (ising, &[Format::Coo, Format::BqmJson]),
            (qubo, &[Format::MqlibQubo, Format::Qbsolv, Format::Coo, Format::BqmJson, Format::MatrixMarket]),
        ] {
            for format in formats {
                let bytes = encode(instance, *format).unwrap().0;
                let again = decode(&bytes, &Hints::default(), extension(*format)).unwrap().0;
                for s in states(instance.len()) {
                    prop_assert_eq!(again.value(&s).unwrap(), instance.value(&s).unwrap());
                }
            }
        }
    }

    #[test]
    fn mutated_files_never_panic(
        instances in instances(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        digit in any::<bool>(),
    ) {
        let formats = |instance| Format::ALL.map(|format| (instance, format));
        let all = instances.iter().flat_map(formats);
        for (instance, format) in all {
            let mut bytes = encode(instance, format).unwrap().0;
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = if digit { b"0123456789 -.e\n#"[usize::from(byte % 16)] } else { *byte };
            }
            let models = [None, Some(Model::Graph), Some(Model::Ising), Some(Model::Qubo)];
            let told = models.map(|model| Hints { format: Some(format), model });
            for hints in told.into_iter().chain([Hints::default()]) {
                let read = decode(&bytes, &hints, extension(format));
                if let Ok((instance, _)) = read {
                    // What is accepted is whole: it can be evaluated and written.
                    let spins = vec![1; instance.len()];
                    prop_assert!(instance.value(&spins).is_ok());
                    prop_assert!(encode(&instance, Format::BqmJson).is_ok());
                }
            }
        }
    }
}

/// A small problem with everything, so that every part of a format is there.
fn small() -> Instance {
    let qubo = Qubo::new(vec![1.5, 0.0, -2.0], &[(0, 1, 3.0), (1, 2, -1.0)]).unwrap();
    qubo.with_constant(0.25).unwrap().into()
}

#[test]
fn files_cut_anywhere_are_errors_or_whole() {
    for format in Format::ALL {
        let (bytes, written) = encode(&small(), format).unwrap();
        let hints = Hints { format: Some(format), model: Some(written.model) };
        let hints = if format == Format::Coo { Hints { model: None, ..hints } } else { hints };
        // From here on, a text file ends in its last number or line end.
        let last = match format {
            Format::Npy => bytes.len(),
            Format::BqmJson => bytes.len() - 1,
            _ => bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'\n').unwrap(),
        };
        for length in 0..bytes.len() {
            let _ = decode(&bytes[..length], &Hints::default(), extension(format));
            let read = decode(&bytes[..length], &hints, "");
            // Such a file may be another valid one; coordinates declare no
            // length at all.
            let undeclared = matches!(format, Format::Coo | Format::Edges);
            assert!(length >= last || undeclared || read.is_err(), "{format} {length}");
        }
        assert!(decode(&bytes, &hints, "").is_ok());
    }
}

fn message(format: Format, text: &str) -> String {
    let hints = Hints { format: Some(format), ..Hints::default() };
    decode(text.as_bytes(), &hints, "").unwrap_err().to_string()
}

/// As `json.dumps(bqm.to_serializable())` of dimod 0.12 prints it.
const SPIN_MODEL: &str = r#"{"type": "BinaryQuadraticModel", "version": {"bqm_schema": "3.0.0"}, "use_bytes": false, "index_type": "int32", "bias_type": "float64", "num_variables": 3, "num_interactions": 2, "variable_labels": ["a", "b", ["c", 1]], "variable_type": "SPIN", "offset": 1.25, "info": {}, "linear_biases": [1.0, -2.5, 0.0], "quadratic_biases": [-1.0, 1e-07], "quadratic_head": [0, 1], "quadratic_tail": [1, 2]}"#;

#[test]
fn reads_what_dimod_writes() {
    let (model, _) = decode(SPIN_MODEL.as_bytes(), &Hints::default(), "").unwrap();
    let Instance::Ising(ising) = &model else { panic!("{model:?}") };
    assert_eq!(ising.fields(), [-1.0, 2.5, 0.0]);
    assert_eq!(ising.pairs().collect::<Vec<_>>(), [(0, 1, 1.0), (1, 2, -1e-7)]);
    assert_eq!(ising.offset(), 1.25);

    // `to_serializable(use_bytes=True, bytes_type=...)` with base64.
    let list = r#""linear_biases": [1.0, -2.5, 0.0], "quadratic_biases": [-1.0, 1e-07], "quadratic_head": [0, 1], "quadratic_tail": [1, 2]"#;
    let bytes = r#""linear_biases": "AAAAAAAA8D8AAAAAAAAEwAAAAAAAAAAA", "quadratic_biases": "AAAAAAAA8L8AAAAAAADgPw==", "quadratic_head": "AAAAAAEAAAA=", "quadratic_tail": "AQAAAAIAAAA=""#;
    let binary =
        SPIN_MODEL.replace(list, bytes).replace(r#""use_bytes": false"#, r#""use_bytes": true"#);
    let (model, _) = decode(binary.as_bytes(), &Hints::default(), "").unwrap();
    assert_eq!(model.to_ising().unwrap().pairs().collect::<Vec<_>>(), [(0, 1, 1.0), (1, 2, -0.5)]);

    // Pairs add up; with itself a spin gives a constant, a binary variable its bias.
    let loops = SPIN_MODEL
        .replace("[0, 1], \"quadratic_tail\": [1, 2]", "[0, 1], \"quadratic_tail\": [1, 1]");
    let (model, _) = decode(loops.as_bytes(), &Hints::default(), "").unwrap();
    assert_eq!(model.to_ising().unwrap().offset(), 1.25 + 1e-7);

    let message = |from: &str, to: &str| {
        assert!(SPIN_MODEL.contains(from));
        let changed = SPIN_MODEL.replace(from, to);
        decode(changed.as_bytes(), &Hints::default(), "").unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            "\"quadratic_head\": [0, 1]",
            "\"quadratic_head\": [0, 3]",
            "quadratic_head[1]: expected a variable from 0 to 2, found 3",
        ),
        (
            "\"quadratic_head\": [0, 1]",
            "\"quadratic_head\": [0]",
            "quadratic_head: expected 2, the number of biases, found 1",
        ),
        (
            "\"num_variables\": 3",
            "\"num_variables\": 4",
            "num_variables: expected 3, the number of biases, found 4",
        ),
        ("SPIN", "REAL", "variable_type: expected SPIN or BINARY, found REAL"),
        ("3.0.0", "1.0.0", "bqm_schema: expected 2.0.0 without use_bytes, or 3.0.0, found 1.0.0"),
        (
            "BinaryQuadraticModel",
            "SampleSet",
            "type: expected BinaryQuadraticModel, found SampleSet",
        ),
        (
            "-2.5",
            "NaN",
            "line 1: expected a binary quadratic model as dimod's `to_serializable` writes it, found no JSON at column 297: expected value",
        ),
        (
            "\"use_bytes\": false",
            "\"use_bytes\": true",
            "linear_biases: expected base64 text, as use_bytes is true, found a list",
        ),
    ] {
        assert_eq!(message(from, to), expected);
    }

    let coo =
        "# vartype=BINARY\n0 0 1.000000\n0 1 -1.000000\n1 1 -2.500000\n1 3 0.000000\n1 1 1\n3 1 2";
    let (model, format) = decode(coo.as_bytes(), &Hints::default(), "").unwrap();
    let Instance::Qubo(qubo) = &model else { panic!("{model:?}") };
    assert_eq!((format, qubo.linear()), (Format::Coo, &[1.0, -1.5, 0.0, 0.0][..]));
    assert_eq!(qubo.quadratic().collect::<Vec<_>>(), [(0, 1, -1.0), (1, 3, 2.0)]);
}

#[test]
fn reads_the_example_of_mqlib() {
    let text = b"# a comment\n3 5\n1 1 5\n2 2 3\n3 3 1\n1 2 -6\n2 3 -1\n";
    let hints = Hints { model: Some(Model::Qubo), ..Hints::default() };
    let (instance, format) = decode(text, &hints, "txt").unwrap();
    assert_eq!(format, Format::MqlibQubo);
    // Its maximum is 6, at x = (1, 0, 1).
    let best = states(3).map(|s| instance.value(&s).unwrap()).fold(f64::INFINITY, f64::min);
    assert_eq!((best, instance.value(&[1, -1, 1]).unwrap()), (-6.0, -6.0));
}

#[test]
fn formats_are_told_from_content_and_extension() {
    let told = |text: &str, extension: &str| {
        decode(text.as_bytes(), &Hints::default(), extension)
            .map(|(instance, format)| (format, instance.model()))
    };
    use {Format as F, Model as M};
    for (text, extension, expected) in [
        ("2 1\n1 2 1\n", "", (F::Rudy, M::Graph)),
        ("2 1\n1 2\n", "txt", (F::Rudy, M::Graph)),
        ("# x\n2 1\n1 2 1\n", "mtxt", (F::Rudy, M::Graph)),
        ("2 1\n1 1 1\n", "qubo", (F::MqlibQubo, M::Qubo)),
        ("c x\np qubo 0 1 1 0\n0 0 1\n", "", (F::Qbsolv, M::Qubo)),
        ("# vartype=SPIN\n0 1 1\n", "qubo", (F::Coo, M::Ising)),
        ("1 2 3\n", "edgelist", (F::Edges, M::Graph)),
        ("1 2\n", "edges", (F::Edges, M::Graph)),
        (
            " %%matrixmarket matrix coordinate pattern symmetric\n2 2 1\n2 1\n",
            "",
            (F::MatrixMarket, M::Graph),
        ),
        (SPIN_MODEL, "txt", (F::BqmJson, M::Ising)),
    ] {
        let text = text.trim_start();
        assert_eq!(told(text, extension).unwrap(), expected, "{text:?}");
    }
    assert!(told("", "mtx").unwrap_err().to_string().contains("banner"));
    assert!(told("", "npy").unwrap_err().to_string().contains("NUMPY"));
    assert!(told("", "").unwrap_err().to_string().contains("header"));
    let hints = Hints { model: Some(Model::Graph), format: Some(Format::Qbsolv) };
    // What a caller takes for an extension may be anything.
    for extension in ["a/b", "/", "..", ".", "\0"] {
        assert!(decode(b"2 1\n1 2 1\n", &Hints::default(), extension).is_ok(), "{extension}");
    }
    let error = decode(b"", &hints, "").unwrap_err().to_string();
    assert_eq!(error, "model: expected qubo, as qbsolv files hold, found graph");
    assert!(
        "dot".parse::<Format>().unwrap_err().to_string().contains("one of rudy, edges, mqlib-qubo")
    );
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
    }
}

#[test]
fn a_matrix_means_what_it_is_told_to() {
    let text = b"%%MatrixMarket matrix array integer general\n2 2\n3\n1\n1\n-2\n";
    let read =
        |model| decode(text, &Hints { model: Some(model), ..Hints::default() }, "").unwrap().0;
    let ising = read(Model::Ising).to_ising().unwrap();
    let qubo = read(Model::Qubo).to_qubo().unwrap();
    for s in states(2) {
        let x = binary_of_spins(&s).unwrap();
        let quadratic = |z: [f64; 2]| 3.0 * z[0] * z[0] + 2.0 * z[0] * z[1] - 2.0 * z[1] * z[1];
        assert_eq!(ising.energy(&s).unwrap(), -0.5 * quadratic([s[0].into(), s[1].into()]));
        assert_eq!(qubo.value(&x).unwrap(), quadratic([x[0].into(), x[1].into()]));
    }
    let pattern = b"%%MatrixMarket matrix coordinate pattern general\n3 3 4\n1 2\n2 1\n3 2\n2 3\n";
    let Instance::Graph(graph) = decode(pattern, &Hints::default(), "").unwrap().0 else {
        panic!()
    };
    assert_eq!(graph.edges(), [(0, 1, 1.0), (1, 2, 1.0)]);
}

#[test]
fn numpy_types_and_orders_agree() {
    let file = |descr: &str, fortran: bool, data: Vec<u8>| {
        let order = if fortran { "True" } else { "False" };
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2, 2), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    };
    let values = [0_i8, -3, -3, 0];
    let each = |f: &dyn Fn(i8) -> Vec<u8>| values.iter().flat_map(|v| f(*v)).collect::<Vec<u8>>();
    for (descr, data) in [
        ("|i1", each(&|v| v.to_le_bytes().into())),
        ("<i4", each(&|v| i32::from(v).to_le_bytes().into())),
        (">i4", each(&|v| i32::from(v).to_be_bytes().into())),
        ("<i8", each(&|v| i64::from(v).to_le_bytes().into())),
        ("<f4", each(&|v| f32::from(v).to_le_bytes().into())),
        (">f8", each(&|v| f64::from(v).to_be_bytes().into())),
    ] {
        let (instance, format) = decode(&file(descr, false, data), &Hints::default(), "").unwrap();
        let Instance::Graph(graph) = instance else { panic!() };
        assert_eq!((format, graph.edges()), (Format::Npy, &[(0, 1, -3.0)][..]), "{descr}");
    }
    let message = |bytes: Vec<u8>| decode(&bytes, &Hints::default(), "").unwrap_err().to_string();
    let asymmetric = || vec![0, 1, 2, 0];
    assert_eq!(
        message(file("|i1", false, asymmetric())),
        "entry (0, 1): expected 2, as entry (1, 0), found 1"
    );
    assert_eq!(
        message(file("|i1", true, asymmetric())),
        "entry (0, 1): expected 1, as entry (1, 0), found 2"
    );
    assert_eq!(
        message(file("|i1", true, vec![0; 3])),
        "data: expected 2 × 2 numbers of 1 bytes, found 3 bytes"
    );
    assert!(message(file("<c16", true, vec![])).starts_with("descr: expected f2, f4"));
    assert!(
        message(file("<f8", true, f64::NAN.to_le_bytes().repeat(4))).contains("a finite number")
    );
    assert!(message(file("<i8", true, i64::MAX.to_le_bytes().repeat(4))).contains("at most 2⁵³"));
    let shape = |shape: &str, data: usize| {
        let text =
            String::from_utf8_lossy(&file("<f8", true, vec![])[10..]).replace("(2, 2)", shape);
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.resize(bytes.len() + data, 0);
        message(bytes)
    };
    assert_eq!(shape("(4,)", 32), "shape: expected a square matrix (n, n), found (4,)");
    assert!(shape("(4294967296, 4294967296)", 0).starts_with("data: expected 4294967296"));
}

#[test]
fn declared_sizes_allocate_nothing() {
    for (format, text) in [
        (Format::Rudy, "16000000 999999999\n1 2 1\n"),
        (Format::MqlibQubo, "16000000 1\n1 2 1\n"),
        (Format::Qbsolv, "p qubo 0 16000000 0 1\n1 2 1\n"),
        (Format::Coo, "# vartype=SPIN\n0 16000000 1\n"),
        (Format::MatrixMarket, "%%MatrixMarket matrix array real general\n16000000 16000000\n1\n"),
    ] {
        let hints = Hints { format: Some(format), ..Hints::default() };
        let mut result = None;
        let info =
            allocation_counter::measure(|| result = Some(decode(text.as_bytes(), &hints, "")));
        assert!(result.unwrap().is_err(), "{format}");
        assert!(info.bytes_max < 100_000, "{format}: {} bytes", info.bytes_max);
    }
}

#[test]
fn files_are_replaced_as_a_whole() {
    let folder = std::env::temp_dir().join(format!("ebm-optim-formats-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.coo");
    for _ in 0..2 {
        write(&path, &small(), Format::Coo).unwrap();
        let (again, format) = read_with(&path, &Hints::default()).unwrap();
        assert_eq!((format, again.value(&[1, 1, 1]).unwrap()), (Format::Coo, 1.75));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let spins = solution::read(&path, 3).unwrap_err().to_string();
    assert!(spins.contains("a.coo: line"), "{spins}");

    // A folder in the way: nothing is left behind.
    let message = write(&folder, &small(), Format::Coo).unwrap_err().to_string();
    assert!(message.starts_with("cannot write"), "{message}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let message = read(&folder).unwrap_err().to_string();
    assert!(message.starts_with("cannot read"), "{message}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn fields_become_an_ancilla_in_graphs() {
    let Instance::Qubo(qubo) = small() else { panic!() };
    let form: MaxCutForm = Instance::from(qubo).to_max_cut().unwrap();
    let (bytes, written) = encode(&small(), Format::Rudy).unwrap();
    assert_eq!(written.ancilla, Some(3));
    assert_eq!(written.dropped_offset, form.offset);
    let again = rudy::parse(&bytes[..]).unwrap();
    assert_eq!(again.edges(), form.graph.edges());
}
