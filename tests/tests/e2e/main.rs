//! The real binaries, end to end: what a person at a terminal, an editor and a program see.

mod changes;
mod damage;
mod documents;
mod ending;
mod giving_up;
mod moved;
mod nesting;
mod news;
mod queue;
mod running;
mod screen;
mod sharing;
mod starting;
mod viewing;
mod watching;
mod workspaces;
