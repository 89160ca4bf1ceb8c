//! The real binaries, end to end: what a person at a terminal, an editor and a program see.

mod cancellation;
mod changes;
mod coalescing;
mod confinement;
mod consent;
mod damage;
mod documents;
mod ending;
mod jobserver;
mod meeting;
mod moved;
mod nesting;
mod presentation;
mod process_state;
mod queue;
mod running;
mod screen;
mod silence;
mod starting;
mod surroundings;
mod trigger_events;
mod twins;
mod viewing;
mod watching;
mod workspaces;
