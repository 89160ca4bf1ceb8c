//! What clients were told is kept through kills, power cuts, damage and failing disks, or it is said
//! to be lost. Each of these is small here and long by a variable; see `CONTRIBUTING.md`.

mod damage;
mod failing;
mod kills;
mod power;
mod shim;
mod told;
