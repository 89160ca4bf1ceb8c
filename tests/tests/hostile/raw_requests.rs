//! Requests written by hand.

use bd_tests::Sandbox;
use bd_tests::wire::Wire;
use serde_json::{Value, json};

/// A submission of a command in the workspace, with little in its environment.
pub(crate) fn submission(sandbox: &Sandbox, argv: &[&str]) -> Value {
    json!({
        "command": argv,
        "cwd": sandbox.workspace().to_str().expect("UTF-8"),
        "environment": [["PATH", std::env::var("PATH").expect("a PATH")]],
    })
}

/// The call that submits it.
pub(crate) fn submit(submission: &Value) -> Value {
    json!({ "Submit": { "request": submission } })
}

/// What a reply says: the answer, or the failure.
pub(crate) fn answer(reply: &Value) -> Result<Value, Value> {
    if let Some(failure) = reply.get("failure") {
        return Err(failure.clone());
    }
    let (_, answer) =
        reply["reply"].as_object().and_then(|reply| reply.iter().next()).expect("one");
    match answer.get("Err") {
        Some(failure) => Err(failure.clone()),
        None => Ok(answer["Ok"].clone()),
    }
}

/// Asks and takes the answer.
pub(crate) fn ask(wire: &mut Wire, call: &Value) -> Result<Value, Value> {
    answer(&wire.call(1, call))
}

/// Submits and takes the id of the build.
pub(crate) fn submitted(wire: &mut Wire, submission: &Value) -> String {
    let answer = ask(wire, &submit(submission)).expect("a build");
    answer["build"].as_str().expect("an id").to_owned()
}

/// Waits for the end of a build.
pub(crate) fn ended(sandbox: &Sandbox, build: &str) -> Value {
    let output = sandbox.run(&["wait", "--json", "--quiet", build]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    document["build"].clone()
}

/// Opens a control channel.
pub(crate) fn control(sandbox: &Sandbox) -> Wire {
    Wire::open(&sandbox.socket(), "control")
}

/// The code of a refusal, which is complete: fault, sentence and all.
pub(crate) fn code(answer: Result<Value, Value>) -> String {
    let failure = answer.expect_err("a refusal");
    assert!(failure["tier"].is_string() && failure["message"].is_string(), "{failure}");
    failure["code"].as_str().expect("a code").to_owned()
}

/// The bytes of one frame of JSON.
pub(crate) fn frame(message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    bd_protocol::frame::write(&mut bytes, message.to_string().as_bytes()).expect("to memory");
    bytes
}
