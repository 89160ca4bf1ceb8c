# What one does daily. `just --list` shows it; each recipe is one command that can be typed as well.

# Everything that has to be green; `just ci lint tidy` runs these steps only.
ci *STEPS:
    .ci/run {{STEPS}}

# The unit tests of one room of the daemon, `just room engine`, or of one file, `just room watch::scan`.
room ROOM *ARGS:
    cargo test --package bd-daemon --lib {{ROOM}}:: -- {{ARGS}}

# Tests of the real binaries by kind: e2e, hostile, rules, restart, compat, … with a part of their names.
test KIND *NAME:
    cargo test --package bd-tests --test {{KIND}} -- {{NAME}}

# The rules of watching with another source of events: native, notify or poll.
rules SOURCE *NAME:
    BD_SOURCE={{SOURCE}} cargo test --package bd-tests --test rules -- {{NAME}}

# The one seed with which the simulation failed.
seed SEED:
    BD_SIM_SEED={{SEED}} cargo test --package bd-tests --test sim

# A group of benchmarks, `just bench broker rpc`; `--quick` measures a tenth.
bench KIND *GROUPS:
    cargo bench --package bd-tests --bench {{KIND}} -- {{GROUPS}}

# The rules of the source tree: who may use whom, sizes, words, links.
tidy:
    cargo tidy

# Formats, and mends what clippy can mend.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
