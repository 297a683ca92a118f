//! Measuring on this machine: a load generator, a bare server to compare with, and the figures.

pub mod bare;
pub mod figures;
pub mod front;
pub mod load;
pub mod ports;
