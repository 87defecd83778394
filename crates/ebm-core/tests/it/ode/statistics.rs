//! Work of the adaptive methods on fixed problems, pinned: a change here is a
//! change of behavior and wants a reason.

use ebm_core::ode::{self, Options, Tolerance};

use super::fields::{ADAPTIVE, FORCED, SWIRL};

#[test]
fn steps_rejections_and_evaluations_are_as_recorded() {
    let mut table = String::new();
    for (problem, rtol) in [(&SWIRL, 1e-4), (&SWIRL, 1e-8), (&FORCED, 1e-6)] {
        for method in ADAPTIVE {
            let tolerance = Tolerance { rtol, atol: 1e-3 * rtol };
            let options = Options { tolerance, ..Options::default() };
            let run = ode::integrate(
                &problem.field(),
                &mut method.stepper(2),
                problem.span,
                &problem.start(),
                &options,
            )
            .unwrap();
            // The controller keeps the error at the end near the tolerance.
            let error = problem.error(run.t, &run.x) / rtol;
            assert!(error < 20.0, "{} on {}: {error} tolerances", method.name(), problem.name);
            let ode::Solution { stats, .. } = run;
            table += &format!(
                "{} {rtol:e} {}: {} {} {}\n",
                problem.name,
                method.name(),
                stats.steps,
                stats.rejected,
                stats.evaluations
            );
        }
    }
    let recorded = "\
swirl 1e-4 Bogacki–Shampine 3(2): 35 2 113
swirl 1e-4 Dormand–Prince 5(4): 11 0 68
swirl 1e-4 Tsitouras 5(4): 11 0 68
swirl 1e-4 DOP853: 7 0 86
swirl 1e-8 Bogacki–Shampine 3(2): 711 1 2138
swirl 1e-8 Dormand–Prince 5(4): 47 1 290
swirl 1e-8 Tsitouras 5(4): 49 0 296
swirl 1e-8 DOP853: 13 0 158
forced 1e-6 Bogacki–Shampine 3(2): 96 0 290
forced 1e-6 Dormand–Prince 5(4): 17 1 110
forced 1e-6 Tsitouras 5(4): 15 0 92
forced 1e-6 DOP853: 7 1 97
";
    assert_eq!(table, recorded);
}
