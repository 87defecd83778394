//! Benchmarks of maximum cuts against the solvers that Python users install.

mod instances;
mod python;
mod quality;
mod time_to_quality;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use instances::Instance;

pub(crate) use quality::{one_second, ten_seconds, thirty_seconds};
pub(crate) use time_to_quality::benchmark as time_to_quality;

use crate::benchmark::{Findings, Settings};

/// Why solvers were not run, by name.
type Absent = BTreeMap<String, String>;

/// Instances measured at the same time, each on one core.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2))
}

/// Measures the instances of the names given, in order in the findings.
fn on_instances(
    settings: &Settings,
    names: &[&str],
    measure: impl Fn(&Instance, &mut Findings, &mut Absent) -> Result<(), Box<dyn Error>> + Sync,
) -> Result<Findings, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("ebm-max-cut-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = (|| {
        let instances = instances::instances(settings, names, &folder)?;
        let next = AtomicUsize::new(0);
        let results = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..workers() {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(instance) = instances.get(index) else { break };
                        let (mut findings, mut absent) = (Findings::default(), Absent::new());
                        let measured = measure(instance, &mut findings, &mut absent);
                        let result = measured.map(|()| (findings, absent));
                        let result = result.map_err(|error| error.to_string());
                        results.lock().expect("no holder panics").insert(index, result);
                    }
                });
            }
        });
        let (mut all, mut absent) = (Findings::default(), Absent::new());
        for result in results.into_inner().expect("no holder panics").into_values() {
            let (findings, notes) = result?;
            all.rows.extend(findings.rows);
            all.ratios.extend(findings.ratios);
            absent.extend(notes);
        }
        let mut notes = vec![];
        if workers() > 1 {
            notes.push("Two instances are measured at a time, each on one core.".to_string());
        }
        notes.extend(absent.iter().map(|(solver, why)| format!("{solver} is absent: {why}.")));
        all.note = notes.join(" ");
        Ok(all)
    })();
    // The folder holds copies only.
    let _ = fs::remove_dir_all(&folder);
    outcome
}
