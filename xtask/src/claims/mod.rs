//! The registry of claims, one file each.

mod annealing_law;
mod bars_and_stripes;
mod coherent_ising_machine;
mod continuous_memory;
mod contraction;
mod dense_output;
mod diffusion_landscape;
mod digits_memory;
mod digits_rbm;
mod discrete_gradient;
mod energy_rate;
mod energy_transformer;
mod equilibrium;
mod exact_reduction;
mod exponential_capacity;
mod firing_rate_map;
mod hopfield_capacity;
mod hopfield_error_free;
mod hopfield_temperature;
mod implicit_gradient;
mod input_driven_plasticity;
mod langevin_moments;
mod layered_memory;
mod log_sum_exp_capacity;
mod lyapunov_descent;
mod ode_orders;
mod one_update_error;
mod oscillator_ising;
mod oscillator_retrieval;
mod oscillator_window;
mod phase_locked_count;
mod pictures_memory;
mod polynomial_capacity;
mod quartic_oscillators;
mod read_out_angle;
mod read_out_stability;
mod rudy_instances;
mod simulated_bifurcation;
mod spurious_states;
mod stiff;
mod storage_rules;
mod strong_order;

use crate::claim::Claim;

/// Every claim, in the order of the report.
pub(crate) fn all() -> Vec<Claim> {
    vec![
        firing_rate_map::claim(),
        energy_rate::claim(),
        discrete_gradient::claim(),
        stiff::claim(),
        dense_output::claim(),
        langevin_moments::claim(),
        ode_orders::claim(),
        strong_order::claim(),
        equilibrium::claim(),
        hopfield_capacity::claim(),
        polynomial_capacity::claim(),
        exponential_capacity::claim(),
        hopfield_error_free::claim(),
        hopfield_temperature::claim(),
        storage_rules::claim(),
        spurious_states::claim(),
        continuous_memory::claim(),
        digits_memory::claim(),
        one_update_error::claim(),
        log_sum_exp_capacity::claim(),
        pictures_memory::claim(),
        layered_memory::claim(),
        implicit_gradient::claim(),
        energy_transformer::claim(),
        input_driven_plasticity::claim(),
        oscillator_window::claim(),
        oscillator_retrieval::claim(),
        quartic_oscillators::claim(),
        phase_locked_count::claim(),
        diffusion_landscape::claim(),
        bars_and_stripes::claim(),
        digits_rbm::claim(),
        oscillator_ising::claim(),
        read_out_angle::claim(),
        read_out_stability::claim(),
        exact_reduction::claim(),
        rudy_instances::claim(),
        annealing_law::claim(),
        simulated_bifurcation::claim(),
        coherent_ising_machine::claim(),
        contraction::claim(),
        lyapunov_descent::claim(),
    ]
}
