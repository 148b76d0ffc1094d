mod invariants;
mod size;
mod stage;
mod stories;
mod workers;
