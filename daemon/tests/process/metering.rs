//! What commands cost.

use crate::kit::{run, shell};
use bd_daemon::process::CommandExit;

#[test]
fn processor_time_of_grandchildren_counts() {
    let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let script = format!("times; (bash -c '{burn}'; bash -c '{burn}; times'); times");
    let (ended, stdout, _) = run(shell(&script));
    // The last line is the shell's own account of what it waited for: `0m1.234s 0m0.012s`.
    let stdout = String::from_utf8(stdout).unwrap();
    let seconds: f64 = stdout
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .map(|part| part.trim_start_matches("0m").trim_end_matches('s').parse::<f64>().unwrap())
        .sum();
    assert!(seconds > 0.05, "{stdout}");
    let measured = ended.cpu.as_secs_f64();
    assert!(measured >= seconds - 0.01 && measured < seconds + 0.2, "{measured} for {stdout}");
    assert!(ended.duration >= ended.cpu / 2);
}

#[test]
fn peak_memory_is_that_of_all_processes_together() {
    // Each fills 100 MiB and waits until the shell, which waits for both, lets it go.
    let hold =
        r"bash -c 'x=$(head -c 104857600 /dev/zero | tr \\0 x); echo full >&3; read -r go <&4'";
    let script = format!(
        "d=$(mktemp -d); mkfifo $d/a $d/b; exec 3<>$d/a 4<>$d/b; {hold} & {hold} & \
         read -r one <&3; read -r two <&3; sleep 0.5; echo >&4; echo >&4; wait; rm -r $d"
    );
    let (ended, _, stderr) = run(shell(&script));
    assert_eq!(ended.exit, CommandExit::Code(0), "{}", String::from_utf8_lossy(&stderr));
    let mib = ended.peak_rss_bytes >> 20;
    assert!((200..700).contains(&mib), "{mib} MiB");
}
