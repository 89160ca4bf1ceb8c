//! The words of the domain: ids, digests, commands, actions, plans, outcomes, builds. Pure: reads
//! no clock, no file and no environment.

pub mod action;
pub mod build;
pub mod colors;
pub mod command;
pub mod consent;
pub mod difference;
pub mod digest;
pub mod environment;
pub mod ids;
pub mod outcome;
pub mod output_seal;
pub mod plan;
pub mod presentation;
pub mod process_state;
pub mod store_status;
pub mod surroundings;
pub mod tool_reads;

pub use action::{Action, ActionKey, EnvironmentPolicy, Inputs, LaneKey, Resources, TreeVersion};
pub use build::{BuildView, JoinReason, Phase, Priority, Running, TaskPhase, TaskView, WaitReason};
pub use command::Command;
pub use consent::{Consent, OnChangeView};
pub use difference::Difference;
pub use digest::Digest;
pub use ids::{AttemptId, BuildId, ClientId, ExecutionId, TriggerId};
pub use outcome::{AttemptResult, Exit, Outcome, OutcomeSource, Status};
pub use output_seal::{OutputSeal, SealedSegment};
pub use plan::{Join, NodeIndex, Plan, PlanError, PlanNode};
pub use presentation::Presentation;
pub use process_state::{ProcessState, Reach};
pub use store_status::{StoreState, StoreStatus};
pub use surroundings::{Apart, Fact, Stamp, Surroundings};
pub use tool_reads::{Place, Reads, ToolHome, ToolReads};
