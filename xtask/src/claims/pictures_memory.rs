//! Recall of pictures from half of them and from noise, and how they must be
//! compared for that.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use ebm_core::random::{fill_normal, stream};
use ebm_memory::experiment::Proportion;
use ebm_memory::files::idx;
use ebm_memory::{Cccp, Cues, LogSumExpMemory, Patterns, RetrievalReport, Retrieved, Similarity};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Pictures, Plot, Series, Settings};

/// Width and height of the drawn pictures.
const SIDE: usize = 28;
/// Where the pictures are looked for among the data, with and without `.gz`.
const FILE: &str = "train-images-idx3-ubyte";
/// Standard deviation of the noise on pixels between 0 and 1.
const NOISE: f32 = 0.5;
/// At this inverse temperature one picture wins unless another is nearer than
/// about half a pixel.
const BETA: f64 = 100.0;
/// A quarter of the noise's, so that the first update is a mean of pictures
/// and the figure shows the steps.
const GENTLE: f64 = 1.0;
/// All pixels of an exact recall round to the stored level, one of 255.
const EXACT: f32 = 0.5 / 255.0;
/// Pictures of the main load.
const STORED: usize = 10_000;
/// Pictures of the figure.
const SHOWN: usize = 8;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/pictures",
        crate_name: "ebm-memory",
        claim: "10 000 grey pictures are recalled in every pixel from their upper halves if only \
                known pixels are compared, also among 60 000 where there are as many, and from \
                noisy cues by squared distance; the dot product favors pictures of large norm, to \
                which others are correlated, and recalls few until norms are equal and the mean \
                picture is removed",
        source: "H. Ramsauer et al., arXiv 2008.02217, for the memory; H. Xiao, K. Rasul and R. \
                 Vollgraf, Fashion-MNIST, arXiv 1708.07747, where --data has its training \
                 pictures, and drawn shapes otherwise",
        target: "all 10 000 cues: at least 99 % exact from halves, compared where known, and 90 % \
                 from noise of standard deviation 0.5 by squared distance; dot product at most \
                 10 %, and at least 90 % of 250 cues without norm and correlation; hidden pixels \
                 taken for blank at most 50 %",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (loads, cues): (&[usize], usize) =
        if settings.quick { (&[100, 400], 100) } else { (&[100, 1000, STORED, 60_000], 250) };
    let gallery =
        Gallery::find(settings.data.as_deref(), if settings.quick { 400 } else { STORED })?;
    let main = if settings.quick { 400 } else { STORED };
    let mut points: Vec<Vec<(f64, Proportion)>> = vec![vec![]; METHODS.len()];
    for &load in loads.iter().filter(|load| **load <= gallery.pictures.count()) {
        let part = gallery.part(load)?;
        for (method, points) in METHODS.iter().zip(&mut points) {
            let all = load == main && method.claimed;
            points
                .push((load as f64, part.share(method, if all { load } else { cues.min(load) })?));
        }
    }
    let at = |method: usize, load: usize| {
        let found = points[method].iter().find(|p| p.0 == load as f64);
        found.map_or(Proportion::default(), |p| p.1)
    };
    let [half, blank, half_dot, noise, noise_dot] = [0, 1, 2, 3, 4].map(|method| at(method, main));
    let most = gallery.pictures.count();
    let beyond = if most > main {
        format!(" ({} among {most})", percent(at(0, 60_000)))
    } else {
        String::new()
    };
    let mut treated = vec![];
    for (name, centered, equal) in TREATMENTS {
        let mut shares = vec![];
        for &load in loads.iter().filter(|load| **load <= main) {
            let part = gallery.part(load)?.treated(centered, equal)?;
            shares.push((load as f64, part.share(&METHODS[4], cues.min(load))?));
        }
        treated.push((name, shares));
    }
    let at_main = |k: usize| treated[k].1.last().map_or(Proportion::default(), |p| p.1);
    // Fewer pictures leave more of them without a larger neighbor.
    let few = if settings.quick { 0.3 } else { 0.1 };
    let (norms, cosine) = gallery.statistics();
    Ok(Finding {
        measured: format!(
            "{}, {main} stored: from halves {}{beyond}, hidden taken for blank {}, dot product {}; \
             from noise {}, dot product {}, without the mean picture {:.0} %, at equal norms \
             {:.0} %, both {:.0} %; norms {:.1} to {:.1}, mean cosine of two {:.2}",
            gallery.name,
            percent(half),
            percent(blank),
            percent(half_dot),
            percent(noise),
            percent(noise_dot),
            100.0 * at_main(1).rate(),
            100.0 * at_main(2).rate(),
            100.0 * at_main(3).rate(),
            norms.0,
            norms.1,
            cosine,
        ),
        pass: half.rate() >= 0.99
            && noise.rate() >= 0.9
            && half_dot.rate().max(noise_dot.rate()) <= few
            && blank.rate() <= 0.5
            && at_main(3).rate() >= 0.9
            && (most == main || at(0, 60_000).rate() >= 0.99),
        figure: Figure::Panels(vec![
            Figure::Pictures(gallery.part(main.min(most))?.pictures(main)?),
            Figure::Plot(Plot {
                title: "Cues recalled in every pixel, with intervals of 95 %".into(),
                x: Axis { label: "pictures stored".into(), log: true },
                y: Axis { label: "share of cues".into(), log: false },
                series: METHODS.iter().zip(&points).flat_map(|(m, p)| series(m.name, p)).collect(),
            }),
            gallery.part(main.min(most))?.winners(cues)?,
            Figure::Plot(Plot {
                title: "Dot product from noise: what norm and correlation cost".into(),
                x: Axis { label: "pictures stored".into(), log: true },
                y: Axis { label: "share of cues".into(), log: false },
                series: treated.iter().flat_map(|(name, p)| series(name, p)).collect(),
            }),
        ]),
    })
}

/// A kind of cue, and how it is compared.
struct Method {
    name: &'static str,
    hidden: bool,
    masked: bool,
    similarity: Similarity,
    /// Measured on all cues of the main load.
    claimed: bool,
}

const METHODS: [Method; 5] = [
    method("half: known pixels", true, true, Similarity::SquaredDistance, true),
    method("half: hidden as blank", true, false, Similarity::SquaredDistance, false),
    method("half: dot product", true, false, Similarity::DotProduct, false),
    method("noise: squared distance", false, false, Similarity::SquaredDistance, true),
    method("noise: dot product", false, false, Similarity::DotProduct, false),
];

const fn method(
    name: &'static str,
    hidden: bool,
    masked: bool,
    similarity: Similarity,
    claimed: bool,
) -> Method {
    Method { name, hidden, masked, similarity, claimed }
}

/// What may be done about the dot product: whether the mean picture is removed,
/// which leaves pictures hardly correlated, and whether norms are made equal.
const TREATMENTS: [(&str, bool, bool); 4] = [
    ("raw", false, false),
    ("mean picture removed", true, false),
    ("equal norms", false, true),
    ("both", true, true),
];

/// Pictures with levels from 0 (paper) to 1 (ink).
struct Gallery {
    name: &'static str,
    width: usize,
    pictures: Patterns<f32>,
}

impl Gallery {
    /// Those among the data, or `count` drawn ones.
    fn find(data: Option<&Path>, count: usize) -> Result<Self, Box<dyn Error>> {
        let Some(bytes) = data.map(pictures_in).transpose()?.flatten() else {
            return Ok(Self { name: "drawn shapes", width: SIDE, pictures: drawn(count)? });
        };
        let file = idx::decode::<f32>(&bytes)?;
        let [_, width] = file.shape[..] else {
            return Err(
                format!("{FILE}: expected pictures, found {} axes", file.shape.len()).into()
            );
        };
        if file.patterns.count() < count {
            let found = file.patterns.count();
            return Err(format!("{FILE}: expected {count} pictures, found {found}").into());
        }
        let levels =
            file.patterns.as_batch().as_slice().iter().map(|level| level / 255.0).collect();
        let pictures = Patterns::new(levels, file.patterns.dim())?;
        Ok(Self { name: "pictures of the given file", width, pictures })
    }

    /// The first `count` pictures.
    fn part(&self, count: usize) -> Result<Self, Box<dyn Error>> {
        let indices: Vec<usize> = (0..count).collect();
        Ok(Self { pictures: self.pictures.subset(&indices)?, ..*self })
    }

    /// The pictures without their mean, and at the norm of their mean square.
    fn treated(&self, centered: bool, equal: bool) -> Result<Self, Box<dyn Error>> {
        let (dim, count) = (self.pictures.dim(), self.pictures.count());
        let mut data = self.pictures.as_batch().as_slice().to_vec();
        if centered {
            let mut mean = vec![0.0; dim];
            for picture in data.chunks_exact(dim) {
                mean.iter_mut().zip(picture).for_each(|(m, x)| *m += x / count as f32);
            }
            for picture in data.chunks_exact_mut(dim) {
                picture.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
            }
        }
        if equal {
            let square = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
            let common = data.chunks_exact(dim).map(|x| square(x) / count as f32).sum::<f32>();
            for picture in data.chunks_exact_mut(dim) {
                let scale = (common / square(picture).max(f32::MIN_POSITIVE)).sqrt();
                picture.iter_mut().for_each(|x| *x *= scale);
            }
        }
        Ok(Self { pictures: Patterns::new(data, dim)?, ..*self })
    }

    /// Norms of the pictures that noisy cues are of, and of those that the dot
    /// product recalls.
    fn winners(&self, cues: usize) -> Result<Figure, Box<dyn Error>> {
        let count = cues.min(self.pictures.count());
        let found = self.recall(&METHODS[4], &self.cues(false, count), BETA, 1)?;
        let norm = |mu: usize| {
            self.pictures.pattern(mu).iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt()
        };
        let queries = found.reports().iter().enumerate();
        let points: Vec<(f64, f64)> = queries.map(|(mu, q)| (norm(mu), norm(q.pattern))).collect();
        let largest = points.iter().fold(0.0_f64, |m, p| m.max(p.0));
        Ok(Figure::Plot(Plot {
            title: "Dot product from noise: a picture of large norm wins".into(),
            x: Axis { label: "norm of the picture that the cue shows".into(), log: false },
            y: Axis { label: "norm of the picture of largest weight".into(), log: false },
            series: vec![
                Series {
                    name: "as it should be".into(),
                    points: vec![(0.0, 0.0), (largest, largest)],
                    mark: Mark::Reference,
                },
                Series { name: "cues".into(), points, mark: Mark::Points },
            ],
        }))
    }

    /// The pixels of upper halves.
    fn known(&self) -> Vec<bool> {
        let dim = self.pictures.dim();
        (0..dim).map(|pixel| 2 * pixel < dim).collect()
    }

    /// Cues for the first `count` pictures.
    fn cues(&self, hidden: bool, count: usize) -> Vec<f32> {
        let dim = self.pictures.dim();
        let mut cues = self.pictures.as_batch().as_slice()[..count * dim].to_vec();
        let mut noise = vec![0.0; dim];
        for (index, cue) in (0..).zip(cues.chunks_exact_mut(dim)) {
            if hidden {
                cue[dim.div_ceil(2)..].fill(0.0);
            } else {
                fill_normal(&mut stream(1, index), &mut noise);
                cue.iter_mut().zip(&noise).for_each(|(x, z)| *x += NOISE * *z as f32);
            }
        }
        cues
    }

    fn recall(
        &self,
        method: &Method,
        cues: &[f32],
        beta: f64,
        updates: usize,
    ) -> Result<Retrieved<RetrievalReport, f32>, Box<dyn Error>> {
        let memory = LogSumExpMemory::new(self.pictures.clone(), beta, method.similarity)?;
        let known = self.known();
        let mut cues = Cues::new(cues, self.pictures.dim())?;
        if method.masked {
            cues = cues.with_known(&known)?;
        }
        let cccp = Cccp { max_iterations: updates, ..Cccp::default() };
        Ok(cccp.retrieve(&memory, cues)?)
    }

    /// Exact recalls of the first `count` pictures.
    fn share(&self, method: &Method, count: usize) -> Result<Proportion, Box<dyn Error>> {
        let found = self.recall(method, &self.cues(method.hidden, count), BETA, 10)?;
        let mut share = Proportion::default();
        for (picture, state) in self.pictures.as_batch().columns().zip(found.states().columns()) {
            share.count(picture.iter().zip(state).all(|(a, b)| (a - b).abs() < EXACT));
        }
        Ok(share)
    }

    /// Smallest and largest norm, and the mean cosine between neighbors in the
    /// file, which are independent.
    fn statistics(&self) -> ((f64, f64), f64) {
        let columns: Vec<&[f32]> = self.pictures.as_batch().columns().collect();
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let norms: Vec<f64> = columns.iter().map(|x| dot(x, x).sqrt()).collect();
        let range = norms.iter().fold((f64::INFINITY, 0.0_f64), |r, n| (r.0.min(*n), r.1.max(*n)));
        let pairs = columns.windows(2).zip(norms.windows(2));
        let cosines: f64 = pairs.map(|(x, n)| dot(x[0], x[1]) / (n[0] * n[1])).sum();
        (range, cosines / (columns.len() - 1) as f64)
    }

    /// Stored, cues, steps and results.
    fn pictures(&self, stored: usize) -> Result<Pictures, Box<dyn Error>> {
        let dim = self.pictures.dim();
        let grey = |states: &[f32]| -> Vec<Vec<f64>> {
            let picture = |x: &[f32]| x.iter().map(|x| f64::from(*x).clamp(0.0, 1.0)).collect();
            states.chunks_exact(dim).take(SHOWN).map(picture).collect()
        };
        let [known, blank, _, distance, dot] = &METHODS;
        let (half, noisy) = (self.cues(true, SHOWN), self.cues(false, SHOWN));
        let after = |method, cues, beta, updates| -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
            Ok(grey(self.recall(method, cues, beta, updates)?.states().as_slice()))
        };
        Ok(Pictures {
            title: format!(
                "{stored} {} stored, recalled from their upper halves and from noise",
                self.name
            ),
            width: self.width,
            rows: vec![
                ("stored".into(), grey(self.pictures.as_batch().as_slice())),
                ("lower half hidden".into(), grey(&half)),
                ("hidden as blank".into(), after(blank, &half, BETA, 10)?),
                ("only known pixels".into(), after(known, &half, BETA, 10)?),
                ("noise".into(), grey(&noisy)),
                ("dot product".into(), after(dot, &noisy, BETA, 10)?),
                ("distance, 1 update".into(), after(distance, &noisy, GENTLE, 1)?),
                ("2 updates".into(), after(distance, &noisy, GENTLE, 2)?),
                ("settled".into(), after(distance, &noisy, GENTLE, 100)?),
            ],
        })
    }
}

/// Bytes of the pictures in a directory; nothing if there are none.
fn pictures_in(data: &Path) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let plain: PathBuf = data.join(FILE);
    if plain.is_file() {
        return Ok(Some(std::fs::read(plain)?));
    }
    let packed = data.join(format!("{FILE}.gz"));
    if !packed.is_file() {
        return Ok(None);
    }
    let output = Command::new("gzip").arg("-dc").arg(&packed).output()?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: gzip: {}", packed.display(), message.trim()).into());
    }
    Ok(Some(output.stdout))
}

/// Discs, boxes and rings of different size and level, the first of them in
/// the upper half.
fn drawn(count: usize) -> Result<Patterns<f32>, ebm_memory::Error> {
    let mut pixels = vec![0.0; count * SIDE * SIDE];
    for (index, picture) in (0..).zip(pixels.chunks_exact_mut(SIDE * SIDE)) {
        let mut rng = stream(2, index);
        for shape in 0..rng.random_range(2..5) {
            let x = rng.random_range(6.0..22.0_f32);
            let y =
                if shape == 0 { rng.random_range(5.0..11.0) } else { rng.random_range(5.0..23.0) };
            let (size, level) = (rng.random_range(3.0..9.0_f32), rng.random_range(0.2..1.0));
            let kind = rng.random_range(0..3);
            let squeeze = rng.random_range(0.5..2.0_f32);
            for (at, pixel) in picture.iter_mut().enumerate() {
                let (dx, dy) = ((at % SIDE) as f32 - x, ((at / SIDE) as f32 - y) * squeeze);
                let radius = dx.hypot(dy);
                let inside = match kind {
                    0 => radius < size,
                    1 => dx.abs().max(dy.abs()) < size,
                    _ => radius < size && radius > 0.5 * size,
                };
                if inside {
                    *pixel = level;
                }
            }
        }
    }
    Patterns::new(pixels, SIDE * SIDE)
}

/// Line, with the intervals of its points.
fn series(name: &str, points: &[(f64, Proportion)]) -> [Series; 2] {
    let line = points.iter().map(|(load, share)| (*load, share.rate())).collect();
    let ends = |(load, share): &(f64, Proportion)| {
        let (low, high) = share.interval(1.96);
        [(*load, low), (*load, high)]
    };
    let (name, intervals) = (name.to_string(), points.iter().flat_map(ends).collect());
    [
        Series { name: name.clone(), points: line, mark: Mark::Line },
        Series { name, points: intervals, mark: Mark::Intervals },
    ]
}

/// A share with its interval.
fn percent(share: Proportion) -> String {
    let (low, high) = share.interval(1.96);
    let [rate, low, high] = [share.rate(), low, high].map(|p| 100.0 * p);
    format!("{rate:.2} % [{low:.2}, {high:.2}] of {}", share.trials)
}
