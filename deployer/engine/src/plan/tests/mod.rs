mod invariants;
mod stage;
mod stories;
