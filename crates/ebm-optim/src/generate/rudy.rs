//! Graphs of the generator rudy, byte for byte.
//!
//! An expression in reverse Polish notation builds a graph: the G-set's `G1` is
//! `-rnd_graph 800 6 8001`, `G14` is the union of two planar graphs,
//! `-planar 800 99 8001 -planar 800 99 8002 +`, and the complete graph `K2000`
//! with weights ±1 is `-clique 2000 -random 0 1 20001 -times 2 -plus -1`.
//!
//! | word | graph |
//! |---|---|
//! | `-clique n` | all pairs, weight `j − i` |
//! | `-rnd_graph n density seed` | that percentage of all pairs at random |
//! | `-toroidal_grid_2D rows columns` | [the torus](super::toroidal_grid()) |
//! | `-planar n density seed` | that percentage of a random triangulation |
//! | `+` | union of two graphs, the smaller weight where they share an edge |
//! | `-random low high seed` | new weights, uniform on `low..=high` |
//! | `-times a`, `-plus b` | weights times `a`, plus `b` |
//!
//! Unless said otherwise weights are 1. Edges stand in the order of the lists of
//! the original: by their first node, and of that node the latest first.
//!
//! Sources: G. Rinaldi, *rudy* (1998), used by C. Helmberg and F. Rendl, SIAM J.
//! Optim. 10, 673 (2000), doi:10.1137/S1052623497328987; lists and random
//! numbers after D. E. Knuth, *The Stanford GraphBase* (1993).

use std::collections::HashMap;
use std::fmt;

use super::{GbFlip, check_edges, toroidal_grid};
use crate::pair_map::{PairSet, pair};
use crate::rudy::MAX_NODES;
use crate::{Error, Graph};

/// An instance of the literature that is a call of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// As it is known.
    pub name: &'static str,
    /// What makes it.
    pub expression: &'static str,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: &'static str,
}

/// Of each kind of the G-set one, and the complete graph of T. Inagaki et al.,
/// Science 354, 603 (2016), there `WK2000_1`.
///
/// ```
/// use ebm_optim::generate::rudy;
/// let g32 = rudy::PUBLISHED.iter().find(|instance| instance.name == "G32").unwrap();
/// assert_eq!(rudy::generate(g32.expression)?.nodes(), 2000);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
pub const PUBLISHED: [Published; 8] = [
    Published {
        name: "G1",
        expression: "-rnd_graph 800 6 8001",
        sha256: "73bf704d8ffc55ba42260ab4cb659e3dcb6e729be70404d2cf476ba4e46d1665",
    },
    Published {
        name: "G14",
        expression: "-planar 800 99 8001 -planar 800 99 8002 +",
        sha256: "dc769b978a40d458f693d5bd2cf8b8cceabd430b8e976204746696179c3d5945",
    },
    Published {
        name: "G22",
        expression: "-rnd_graph 2000 1 20001",
        sha256: "9baeee06eb147b1c9ca42b43be86592d4e6fc60784a85af9be5b63d1362ef28e",
    },
    Published {
        name: "G32",
        expression: "-toroidal_grid_2D 100 20 -random 0 1 20003 -times 2 -plus -1",
        sha256: "9760fce6b601832db1b1173c1a09c8556d64bfb27ba603ef52ca24ee6c8527cc",
    },
    Published {
        name: "G39",
        expression: "-planar 2000 99 20001 -planar 2000 99 20002 + -random 0 1 20001 -times 2 -plus -1",
        sha256: "daeeaf681937495345ca35519bf25b2e274e4bcbdbb2f16bf7f271f1d430ee13",
    },
    Published {
        name: "G55",
        expression: "-rnd_graph 5000 0.1 50001",
        sha256: "7537bbb613a6e6d0fe784937be68099eeb36227d85bb273299f22cb7d3ff2227",
    },
    Published {
        name: "G70",
        expression: "-rnd_graph 10000 0.02 100001",
        sha256: "0d965a2ff1444cc71d7740824b5b3a5e09fc1843cbf6d90691b52d5221987061",
    },
    Published {
        name: "K2000",
        expression: "-clique 2000 -random 0 1 20001 -times 2 -plus -1",
        sha256: "9ed615e5e18726914f12740b7f9bedb6b69676477ed5958fac42c8ab0c252ba7",
    },
];

/// A graph with integer weights, made by an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RudyGraph {
    /// For each node its later neighbors and weights, oldest edge first.
    rows: Vec<Row>,
}

type Row = Vec<(u32, i64)>;

/// Builds the graph of an expression; its text is `to_string()`.
///
/// ```
/// use ebm_optim::generate::rudy;
/// let triangle = rudy::generate("-clique 3 -random 1 1 7")?;
/// assert_eq!(triangle.to_string(), "3 3 \n1 3 1\n1 2 1\n2 3 1\n");
/// assert_eq!(rudy::generate("-rnd_graph 800 6 8001")?.graph()?.weight(), 19_176.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// [`Error::Expression`] at the first word that is unknown or out of range, at
/// an operator without its graphs, or at the end if other than one graph is
/// left; more than 2²⁷ edges.
pub fn generate(expression: &str) -> Result<RudyGraph, Error> {
    let mut words = Words { words: expression.split_ascii_whitespace(), count: 0 };
    let mut stack: Vec<RudyGraph> = vec![];
    while let Some(word) = words.next() {
        match word {
            "-clique" => stack.push(clique(words.size()?)?),
            "-rnd_graph" => {
                let (size, density, seed) = (words.size()?, words.density()?, words.seed()?);
                stack.push(random_graph(size, density, seed)?);
            }
            "-toroidal_grid_2D" => {
                let (rows, columns) = (words.size()?, words.size()?);
                let mut graph = RudyGraph::empty(rows as usize * columns as usize)?;
                for (i, j) in toroidal_grid(rows as usize, columns as usize)? {
                    graph.add(i as u32, j as u32, 1);
                }
                stack.push(graph);
            }
            "-planar" => {
                let (size, density, seed) = (words.size()?, words.density()?, words.seed()?);
                stack.push(planar(size, density, seed)?);
            }
            "+" => {
                let (Some(second), Some(first)) = (stack.pop(), stack.pop()) else {
                    return Err(words.wrong("two graphs before it", word));
                };
                if first.rows.len() != second.rows.len() {
                    return Err(words.wrong("graphs of equal size before it", word));
                }
                stack.push(union(&first, &second));
            }
            "-random" | "-times" | "-plus" => {
                let Some(graph) = stack.last_mut() else {
                    return Err(words.wrong("a graph before it", word));
                };
                let first = words.integer()?;
                let change: &mut dyn FnMut(i64) -> Option<i64> = match word {
                    "-random" => {
                        let (last, seed) = (words.integer()?, words.seed()?);
                        let bound = u32::try_from(i64::from(last) - i64::from(first) + 1);
                        let Some(bound) = bound.ok().filter(|&b| (1..=1 << 31).contains(&b)) else {
                            let expected = "a highest weight from the lowest to 2^31 above it";
                            return Err(words.wrong(expected, &last.to_string()));
                        };
                        let mut rng = GbFlip::new(seed);
                        &mut move |_| Some(i64::from(first) + i64::from(rng.below(bound)))
                    }
                    "-times" => &mut move |w: i64| w.checked_mul(i64::from(first)),
                    _ => &mut move |w: i64| w.checked_add(i64::from(first)),
                };
                if !graph.change_weights(change) {
                    return Err(words.wrong("weights of at most 2^53", word));
                }
            }
            _ => return Err(words.wrong("a word of the generator", word)),
        }
    }
    match (stack.pop(), stack.len()) {
        (Some(graph), 0) => Ok(graph),
        (_, more) => {
            Err(words.wrong("one graph in the end", if more == 0 { "none" } else { "more" }))
        }
    }
}

impl RudyGraph {
    fn empty(nodes: usize) -> Result<Self, Error> {
        if nodes > MAX_NODES {
            let what = "nodes of a generated graph";
            return Err(ebm_core::Error::TooLarge { what, size: nodes, limit: MAX_NODES }.into());
        }
        Ok(Self { rows: vec![vec![]; nodes] })
    }

    fn add(&mut self, a: u32, b: u32, weight: i64) {
        self.rows[a.min(b) as usize].push((a.max(b), weight));
    }

    /// Replaces weights in the order of the edges; false if one leaves the
    /// integers that are exact in double precision.
    fn change_weights(&mut self, change: &mut dyn FnMut(i64) -> Option<i64>) -> bool {
        const LARGEST: u64 = 1 << 53;
        self.rows.iter_mut().flat_map(|row| row.iter_mut().rev()).all(|(_, w)| {
            change(*w).filter(|new| new.unsigned_abs() <= LARGEST).is_some_and(|new| {
                *w = new;
                true
            })
        })
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.rows.len()
    }

    /// Edges `(i, j, w)` with `i < j`, counted from 0, in the order of the file.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, i64)> {
        self.rows
            .iter()
            .enumerate()
            .flat_map(|(i, row)| row.iter().rev().map(move |&(j, w)| (i, j as usize, w)))
    }

    /// The graph.
    ///
    /// # Errors
    /// More nodes than its edges make plausible, see [`Graph::new`].
    pub fn graph(&self) -> Result<Graph, Error> {
        Graph::new(self.nodes(), self.edges().map(|(i, j, w)| (i, j, w as f64)).collect())
    }
}

/// The text of the file: a header `nodes edges` with a blank at its end, then a
/// line `i j w` for each edge, nodes counted from 1.
impl fmt::Display for RudyGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} ", self.nodes(), self.rows.iter().map(Vec::len).sum::<usize>())?;
        self.edges().try_for_each(|(i, j, w)| writeln!(f, "{} {} {w}", i + 1, j + 1))
    }
}

fn clique(size: u32) -> Result<RudyGraph, Error> {
    check_edges(Some(u64::from(size) * u64::from(size - 1) / 2))?;
    let mut graph = RudyGraph::empty(size as usize)?;
    for (i, row) in (0..size).zip(&mut graph.rows) {
        row.extend((i + 1..size).map(|j| (j, i64::from(j - i))));
    }
    Ok(graph)
}

fn random_graph(size: u32, density: f64, seed: i32) -> Result<RudyGraph, Error> {
    let pairs = u64::from(size) * u64::from(size - 1);
    let edges = (pairs as f64 * density / 200.0).round();
    // The integer is exact: the check bounds it.
    check_edges((edges < 1e18).then_some(edges as u64))?;
    let mut graph = RudyGraph::empty(size as usize)?;
    let mut rng = GbFlip::new(seed);
    let mut known = PairSet::with_capacity_and_hasher(edges as usize, Default::default());
    while known.len() < edges as usize {
        let (u, v) = (rng.below(size), rng.below(size));
        if u != v && known.insert(pair(u, v)) {
            graph.add(u, v, 1);
        }
    }
    Ok(graph)
}

/// A triangle, then each node into a random triangle; edges are then taken out
/// at random.
fn planar(size: u32, density: f64, seed: i32) -> Result<RudyGraph, Error> {
    let mut graph = RudyGraph::empty(size as usize)?;
    let mut rng = GbFlip::new(seed);
    let mut edges: Vec<(u32, u32)> = match size {
        0 | 1 => vec![],
        2 => vec![(0, 1)],
        _ => vec![(0, 1), (0, 2), (1, 2)],
    };
    let mut triangles = vec![[0, 1, 2]];
    for node in 3..size {
        let at = rng.below(triangles.len() as u32) as usize;
        let [a, b, c] = triangles[at];
        edges.extend([(a, node), (b, node), (c, node)]);
        triangles[at] = [a, b, node];
        triangles.extend([[a, c, node], [b, c, node]]);
    }
    let kept = density * edges.len() as f64 / 100.0;
    while edges.len() as f64 > kept {
        edges.swap_remove(rng.below(edges.len() as u32) as usize);
    }
    for (a, b) in edges {
        graph.add(a, b, 1);
    }
    Ok(graph)
}

fn union(first: &RudyGraph, second: &RudyGraph) -> RudyGraph {
    /// Rows up to this length are searched; longer ones need the map.
    const SHORT: usize = 32;
    let mut at = HashMap::new();
    let merge = |(a, b): (&Row, &Row)| {
        let long = a.len() + b.len() > SHORT;
        let mut row = Row::with_capacity(a.len() + b.len());
        at.clear();
        for &(j, w) in a.iter().rev().chain(b.iter().rev()) {
            let position = if long {
                *at.entry(j).or_insert(row.len())
            } else {
                row.iter().position(|entry| entry.0 == j).unwrap_or(row.len())
            };
            if position == row.len() {
                row.push((j, w));
            } else {
                row[position].1 = row[position].1.min(w);
            }
        }
        row
    };
    RudyGraph { rows: first.rows.iter().zip(&second.rows).map(merge).collect() }
}

/// The words of an expression, counted.
struct Words<'a> {
    words: std::str::SplitAsciiWhitespace<'a>,
    count: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.count += 1;
        self.words.next()
    }

    fn wrong(&self, expected: &'static str, found: &str) -> Error {
        Error::Expression { word: self.count, expected, found: found.chars().take(40).collect() }
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        expected: &'static str,
        valid: impl Fn(&T) -> bool,
    ) -> Result<T, Error> {
        let word = self.next().unwrap_or("the end");
        word.parse().ok().filter(valid).ok_or_else(|| self.wrong(expected, word))
    }

    fn size(&mut self) -> Result<u32, Error> {
        self.number("a size from 1 to 2^24", |size| (1..=MAX_NODES as u32).contains(size))
    }

    fn density(&mut self) -> Result<f64, Error> {
        self.number("a density from 0 to 100", |density| (0.0..=100.0).contains(density))
    }

    fn seed(&mut self) -> Result<i32, Error> {
        self.number("a seed from 0 to 2^31 − 1", |seed| *seed >= 0)
    }

    fn integer(&mut self) -> Result<i32, Error> {
        self.number("an integer of 32 bits", |_| true)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::formats;

    #[test]
    fn published_files_come_out_byte_for_byte() {
        for Published { name, expression, sha256 } in PUBLISHED {
            let text = generate(expression).unwrap().to_string();
            let digest = Sha256::digest(text.as_bytes());
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, sha256, "{name}");
        }
    }

    #[test]
    fn the_text_is_a_rudy_file() {
        let graph = generate("-planar 30 80 5 -rnd_graph 30 20 6 + -random -4 9 3").unwrap();
        let read = crate::rudy::parse(graph.to_string().as_bytes()).unwrap();
        assert_eq!(read.edges(), graph.graph().unwrap().edges());
        let (written, _) = formats::encode(&read.into(), formats::Format::Rudy).unwrap();
        assert_eq!(written, graph.to_string().as_bytes());
    }

    #[test]
    fn operators_do_what_they_say() {
        // Cliques carry distances; a union keeps the smaller weight.
        let twice = generate("-clique 4 -clique 4 -times 2 +").unwrap();
        let once = generate("-clique 4").unwrap();
        let sorted = |graph: &RudyGraph| {
            let mut edges: Vec<_> = graph.edges().collect();
            edges.sort_unstable();
            edges
        };
        assert_eq!(sorted(&twice), sorted(&once));
        let negated = generate("-clique 4 -times -1 -plus 3").unwrap();
        for ((i, j, w), (_, _, v)) in once.edges().zip(negated.edges()) {
            assert_eq!((w, v), ((j - i) as i64, 3 - w));
        }
        // All of a triangulation: 3 (n − 2) edges; none at density 0.
        for (density, edges) in [(100, 3 * 38), (50, 57), (0, 0)] {
            let graph = generate(&format!("-planar 40 {density} 1")).unwrap();
            assert_eq!(graph.edges().count(), edges);
        }
        for size in 1..3 {
            let graph = generate(&format!("-planar {size} 100 1")).unwrap();
            assert_eq!(graph.edges().count(), size - 1);
        }
        assert_eq!(generate("-rnd_graph 12 100 1").unwrap().edges().count(), 66);
        assert_eq!(generate("-rnd_graph 1 100 1").unwrap().edges().count(), 0);
    }

    #[test]
    fn wrong_expressions_are_errors() {
        for (expression, expected) in [
            ("", "word 1: expected one graph in the end, found none"),
            ("-clique 3 -clique 4", "word 5: expected one graph in the end, found more"),
            ("-clique 0", "word 2: expected a size from 1 to 2^24, found 0"),
            ("-clique", "word 2: expected a size from 1 to 2^24, found the end"),
            ("-cube 3", "word 1: expected a word of the generator, found -cube"),
            ("+", "word 1: expected two graphs before it, found +"),
            ("-clique 3 -clique 4 +", "word 5: expected graphs of equal size before it, found +"),
            ("-times 2", "word 1: expected a graph before it, found -times"),
            ("-rnd_graph 5 NaN 1", "word 3: expected a density from 0 to 100, found NaN"),
            ("-rnd_graph 5 101 1", "word 3: expected a density from 0 to 100, found 101"),
            ("-planar 5 50 -1", "word 4: expected a seed from 0 to 2^31 − 1, found -1"),
            (
                "-clique 3 -random 2 1 5",
                "word 6: expected a highest weight from the lowest to 2^31 above it, found 1",
            ),
            (
                "-clique 3 -times 2147483647 -times 2147483647",
                "word 6: expected weights of at most 2^53, found -times",
            ),
        ] {
            assert_eq!(generate(expression).unwrap_err().to_string(), expected);
        }
        for large in ["-clique 16777216", "-rnd_graph 16777216 100 1"] {
            assert!(generate(large).is_err(), "{large}");
        }
        assert!(generate("-toroidal_grid_2D 16777216 16777216").is_err());
        assert!(generate("-toroidal_grid_2D 2 5").is_err());
    }
}
