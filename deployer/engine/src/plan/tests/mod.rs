mod invariants;
mod ownership;
mod size;
mod stage;
mod stories;
mod workers;
