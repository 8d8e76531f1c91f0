//! What the system says when it ends an execution or an answer: the one place that words it. Each
//! explanation tells what was tried, what stopped it and what can be done now, to whoever asked for
//! the work; what broke inside the server is the log's to say.
//!
//! Others explain in words of their own: the model after its last attempt, the agent that stops,
//! the user who cancels with a reason. A validator's words are framed here. To add a cause: a
//! variant of [`Cause`], its category, and its words for executions and for answers.

use entity::execution;

use super::budgets::{Spent, usd};
use super::lifecycle::Failure;
use crate::base::failure::{
    ANSWER_CUT_OFF, ANSWER_UNUSABLE, CONTEXT_EXCEEDED, ExplanationSource, FailureCategory,
    MODEL_MISCONFIGURED, MODEL_REFUSED, MODEL_UNAVAILABLE,
};

/// Why the system ends something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something in the server broke.
    Internal,
    /// What it needs is not among the definitions of this server any more.
    DefinitionGone,
    /// The tools of an MCP server are not to be had.
    ToolsGone {
        /// The server's name in the definition.
        server: String,
    },
    /// The message template cannot be rendered from this input.
    MessageNotWritten,
    /// Every attempt was refused, and the model could not say why.
    Refused {
        /// Of the last refusal.
        validator: String,
        /// Of the last refusal.
        feedback: String,
    },
    /// A validator refused for good.
    RefusedForGood {
        /// Its name.
        validator: String,
        /// Its words.
        words: String,
    },
    /// A user asked for it and gave no reason.
    Canceled,
    /// It ran too long; in milliseconds.
    TimedOut {
        /// What it was allowed.
        limit_ms: Option<i64>,
    },
    /// It waited too long; in milliseconds.
    Expired {
        /// What it was allowed.
        limit_ms: i64,
    },
    /// Workers vanished over it.
    WorkerLost {
        /// So many in a row.
        workers: i32,
    },
    /// It wants more than it may have.
    OverBudget {
        /// Of what.
        of: Budget,
        /// What its agent type allows.
        limit: u64,
    },
    /// A budget that it shares with others has no room.
    SharedBudgetSpent(Box<Spent>),
    /// The model gave no answer that could be used.
    NoAnswer {
        /// As agents name it.
        model: String,
        /// What was wrong.
        why: NoAnswer,
        /// So often it was asked.
        tries: u32,
        /// Waited between the tries; in milliseconds.
        waited_ms: i64,
    },
    /// Nobody knows.
    Unknown,
}

/// What was wrong between this server and a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Its provider turns requests away.
    Overloaded {
        /// How long it wants to be left alone, when that is longer than anybody waits.
        for_ms: Option<i64>,
    },
    /// Its provider cannot be reached, or fails.
    Down,
    /// What it said broke off or could not be read.
    Unusable,
    /// It said more than one answer may hold.
    CutOff,
    /// It was told more than it can read.
    TooLong,
    /// It, or its provider's filter, will not answer.
    Refused,
    /// Its provider does not take this server's requests.
    NotAccepted,
    /// This server does not have it.
    Missing,
}

impl NoAnswer {
    fn code(self) -> &'static str {
        match self {
            Self::Overloaded { .. } | Self::Down => MODEL_UNAVAILABLE,
            Self::Unusable => ANSWER_UNUSABLE,
            Self::CutOff => ANSWER_CUT_OFF,
            Self::TooLong => CONTEXT_EXCEEDED,
            Self::Refused => MODEL_REFUSED,
            Self::NotAccepted | Self::Missing => MODEL_MISCONFIGURED,
        }
    }

    /// What stopped it, and what to do; `again` is how one asks again.
    fn words(self, model: &str, tries: u32, waited_ms: i64, again: &str) -> String {
        let asked = match (tries, waited_ms) {
            (1, 0) => String::new(),
            (1, _) => format!(" It was waited for, for {}.", span(waited_ms)),
            _ => format!(
                " It was asked {} in {}.",
                times(i64::from(tries)),
                span(waited_ms)
            ),
        };
        match self {
            Self::Overloaded { for_ms } => {
                let until = for_ms.map(|wait| format!(" It wants to be left alone for {}.", span(wait)));
                format!(
                    "when the provider of the model `{model}` turned its request away, being overloaded or its quota used up.{asked}{} Nothing is wrong with what was asked: {again} later.",
                    until.unwrap_or_default()
                )
            }
            Self::Down => format!(
                "when the provider of the model `{model}` could not be reached or failed.{asked} Nothing is wrong with what was asked: {again} later."
            ),
            Self::Unusable => format!(
                "when what the model `{model}` answered broke off or could not be read, and no part of it was used.{asked} It may help to {again}; if it fails in the same way, ask the operator of this server, whose log says what came."
            ),
            Self::CutOff => format!(
                "when the model `{model}` wrote more than one answer may hold, so the answer was cut off and not used. Ask for less at a time, or have the operator allow longer answers (max_output_tokens)."
            ),
            Self::TooLong => format!(
                "when instructions, documents and results together were more than the model `{model}` can read at once. Use fewer or shorter documents, or have the agent run on a model that reads more."
            ),
            Self::Refused => format!(
                "when the model `{model}`, or its provider's filter, refused to answer. The same would most likely be refused again: change what is asked, or the documents."
            ),
            Self::NotAccepted => format!(
                "when the provider of the model `{model}` did not accept this server's request, for its key, its account or how the model is declared. Ask the operator of this server, whose log has the provider's words, then {again}."
            ),
            Self::Missing => format!(
                "when this server was found to be without the model `{model}` that the agent is set to. Choose another one in the agent's configuration, or have the operator declare it, then {again}."
            ),
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Budget {
    ModelCalls,
    ToolCalls,
    Tokens,
    /// In millionths of a US dollar.
    Cost,
}

impl Budget {
    /// For people, and the limit's name in `agent.toml`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ModelCalls => ("model calls", "max_model_calls"),
            Self::ToolCalls => ("tool calls", "max_tool_calls"),
            Self::Tokens => ("tokens", "max_tokens"),
            Self::Cost => ("money", "max_cost"),
        }
    }

    fn limit(self, limit: u64) -> String {
        match self {
            Self::Cost => usd(i64::try_from(limit).unwrap_or(i64::MAX)),
            _ => limit.to_string(),
        }
    }
}

impl Cause {
    /// The kind of failure.
    pub fn category(&self) -> FailureCategory {
        match self {
            Self::Internal
            | Self::DefinitionGone
            | Self::ToolsGone { .. }
            | Self::MessageNotWritten
            | Self::NoAnswer { .. } => FailureCategory::RuntimeError,
            Self::Refused { .. } => FailureCategory::MaxRetriesExceeded,
            Self::RefusedForGood { .. } => FailureCategory::ValidationFailed,
            Self::Canceled => FailureCategory::Canceled,
            Self::TimedOut { .. } => FailureCategory::TimedOut,
            Self::Expired { .. } => FailureCategory::Expired,
            Self::WorkerLost { .. } => FailureCategory::WorkerLost,
            Self::OverBudget { .. } | Self::SharedBudgetSpent(_) => FailureCategory::BudgetExceeded,
            Self::Unknown => FailureCategory::Unknown,
        }
    }

    /// Whether a model call that ended like this has cost nothing, for it was turned away unread.
    pub fn is_free(&self) -> bool {
        use NoAnswer::{CutOff, Down, Missing, NotAccepted, Overloaded, Refused, TooLong, Unusable};
        match self {
            Self::NoAnswer { why, .. } => match why {
                Overloaded { .. } | TooLong | NotAccepted | Missing => true,
                Down | Unusable | CutOff | Refused => false,
            },
            _ => false,
        }
    }

    /// The failure of this execution, as it stands when it ends.
    pub fn of_execution(&self, row: &execution::Model) -> Failure {
        let tried = tried(row);
        let words = match self {
            Self::Internal => format!(
                "{tried} when something inside this server broke. What was done until then stands in its conversation. Launch it again; if it fails in the same way, ask the operator of this server, whose log says what broke."
            ),
            Self::DefinitionGone => format!(
                "{tried} when this server was found to be without its agent type, execution type or model, which were there when it was launched. Ask the operator to bring back what is missing, then launch it again."
            ),
            Self::ToolsGone { server } => format!(
                "{tried}, and the tools of `{server}`, which its agent type wants, could not be had: that system was asked several times and does not answer. Launch it again later; if that fails too, ask the operator of this server, whose log says more."
            ),
            Self::MessageNotWritten => "The agent's first message was to be written from the input, and the definition's template cannot do that with this input, so no model was asked. Launch it with another input, or show it to whoever maintains the execution type.".to_owned(),
            Self::Refused { validator, feedback } => format!(
                "The agent answered {}, and no answer was accepted. The last one was refused by {validator}: {} Every answer with its objection stands in the conversation. Launch it again with a clearer input or further instructions.",
                times(i64::from(row.attempt)),
                sentence(feedback)
            ),
            Self::RefusedForGood { validator, words } => format!(
                "The agent answered, and {validator} refused the answer in a way that another attempt could not mend: {} Launch it again only with another input or other instructions.",
                sentence(words)
            ),
            Self::Canceled => format!(
                "{tried} when a user canceled it, without giving a reason. What was written until then stays. Launch it again if it is still wanted."
            ),
            Self::TimedOut { .. } => format!(
                "{tried} when {} was over. What was written until then stays. Launch it again with a longer maximum duration, or with less to do at a time.",
                match row.max_duration_ms {
                    Some(limit) => format!("its maximum duration of {}", span(limit)),
                    None => "its maximum duration".to_owned(),
                }
            ),
            Self::Expired { limit_ms } => format!(
                "It was never begun: no worker took it within the {} that it was to wait in the queue. Launch it again with a longer time to live; if it waits in vain again, ask the operator whether workers are running and are enough.",
                span(*limit_ms)
            ),
            Self::WorkerLost { workers } => format!(
                "{tried}; then the workers that ran it vanished {} in a row without any progress between, so it was given up. Launch it again; if it ends like this again, it may be too much for a worker: ask the operator of this server, whose log says more.",
                times(i64::from(*workers))
            ),
            Self::OverBudget { of, limit } => {
                let (what, name) = of.words();
                let limit = of.limit(*limit);
                format!(
                    "{tried} and needed more {what} than the {limit} that its agent type allows. What was written until then stays. Launch it again with less to do at a time, or have the operator raise {name}."
                )
            }
            Self::NoAnswer { model, why, tries, waited_ms } => {
                format!("{tried} {}", why.words(model, *tries, *waited_ms, "launch it again"))
            }
            Self::SharedBudgetSpent(spent) => format!(
                "{tried}, and {}. {}",
                spent.words(),
                spent.advice("launch it again")
            ),
            Self::Unknown => format!(
                "{tried} and then ended for a reason that could not be determined. Look at its conversation for how far it came, and launch it again; if it fails in the same way, ask the operator of this server."
            ),
        };
        self.failure(words)
    }

    /// The failure of an answer in a person's conversation.
    pub fn of_reply(&self) -> Failure {
        let words = match self {
            Self::Internal => "The agent was answering when something inside this server broke. Send the message again; if it fails in the same way, ask the operator of this server, whose log says what broke.".to_owned(),
            Self::DefinitionGone => "The agent was to answer, and this server is without its agent type or model, which were there when the conversation began. Ask the operator to bring back what is missing, then send the message again.".to_owned(),
            Self::ToolsGone { server } => format!(
                "The agent was to answer, and the tools of `{server}`, which its agent type wants, could not be had: that system was asked several times and does not answer. Send the message again later; if that fails too, ask the operator of this server, whose log says more."
            ),
            Self::MessageNotWritten => "The agent was to answer, and its instructions could not be written. Show this to whoever maintains the agent type.".to_owned(),
            Self::Refused { validator, feedback } | Self::RefusedForGood { validator, words: feedback } => format!(
                "The agent answered, and {validator} did not accept the answer: {} Say it another way.",
                sentence(feedback)
            ),
            Self::Canceled => "The agent was answering when it was stopped. Send the message again if the answer is still wanted.".to_owned(),
            Self::TimedOut { limit_ms } => format!(
                "The agent was still answering when {} for one answer was over. Send the message again, or ask for less at a time.",
                match limit_ms {
                    Some(limit) => format!("the time of {}", span(*limit)),
                    None => "the time".to_owned(),
                }
            ),
            Self::Expired { limit_ms } => format!(
                "The agent never began to answer: no worker took the message within {}. Send it again; if it waits in vain again, ask the operator whether workers are running.",
                span(*limit_ms)
            ),
            Self::WorkerLost { workers } => format!(
                "The agent was answering, and the workers that ran it vanished {} in a row without any progress between, so it was given up. Send the message again; if it ends like this again, ask the operator of this server, whose log says more.",
                times(i64::from(*workers))
            ),
            Self::OverBudget { of, limit } => {
                let (what, name) = of.words();
                let limit = of.limit(*limit);
                format!(
                    "The agent was answering and needed more {what} than the {limit} that its agent type allows for one answer. Ask for less at a time, or have the operator raise {name}."
                )
            }
            Self::NoAnswer { model, why, tries, waited_ms } => {
                let words = why.words(model, *tries, *waited_ms, "send the message again");
                format!("The agent was answering {words}")
            }
            Self::SharedBudgetSpent(spent) => format!(
                "The agent was answering, and {}. {}",
                spent.words(),
                spent.advice("send the message again")
            ),
            Self::Unknown => "The agent was answering, and the answer ended for a reason that could not be determined. Send the message again; if it fails in the same way, ask the operator of this server.".to_owned(),
        };
        self.failure(words)
    }

    fn failure(&self, words: String) -> Failure {
        let failure = match self {
            Self::NoAnswer { why, .. } => Failure::coded(why.code(), words),
            _ => Failure::of(self.category(), words),
        };
        match self {
            Self::RefusedForGood { .. } => failure.explained_by(ExplanationSource::Validator),
            Self::SharedBudgetSpent(spent) => Failure {
                retryable: spent.renews(),
                ..failure
            },
            _ => failure,
        }
    }
}

/// How far an execution came, as the beginning of a sentence.
fn tried(row: &execution::Model) -> String {
    if row.started_at.is_none() {
        return "It was still waiting in the queue".to_owned();
    }
    if row.model_calls == 0 {
        return "The agent was just about to begin".to_owned();
    }
    let attempt = match row.attempt {
        1 => String::new(),
        attempt => format!(" (attempt {attempt} of {})", row.max_attempts),
    };
    let model = counted(row.model_calls, "model call");
    let tools = counted(row.tool_calls, "tool call");
    format!("The agent had made {model} and {tools}{attempt}")
}

fn counted(count: i32, noun: &str) -> String {
    match count {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn times(count: i64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Someone's words, so that others can follow.
fn sentence(words: &str) -> String {
    let words = words.trim();
    if words.ends_with(['.', '!', '?', '…']) {
        words.to_owned()
    } else {
        format!("{words}.")
    }
}

/// A length of time in words, in its two greatest units.
fn span(ms: i64) -> String {
    if ms < 1000 {
        return format!("{} milliseconds", ms.max(0));
    }
    let mut left = ms / 1000;
    let mut parts = Vec::new();
    for (seconds, unit) in [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")] {
        let count = left / seconds;
        left %= seconds;
        if count > 0 && parts.len() < 2 {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {unit}{plural}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lifecycle::Status;
    use uuid::Uuid;

    fn no_answer(why: NoAnswer, tries: u32) -> Cause {
        Cause::NoAnswer {
            model: "fast".to_owned(),
            why,
            tries,
            waited_ms: 31_000,
        }
    }

    fn every_cause() -> Vec<Cause> {
        vec![
            Cause::Internal,
            Cause::DefinitionGone,
            Cause::ToolsGone {
                server: "tickets".to_owned(),
            },
            Cause::MessageNotWritten,
            Cause::Refused {
                validator: "output_schema".to_owned(),
                feedback: "/total is required".to_owned(),
            },
            Cause::RefusedForGood {
                validator: "ledger".to_owned(),
                words: "the year is closed.".to_owned(),
            },
            Cause::Canceled,
            Cause::TimedOut {
                limit_ms: Some(120_000),
            },
            Cause::Expired { limit_ms: 30_000 },
            Cause::WorkerLost { workers: 3 },
            Cause::OverBudget {
                of: Budget::ToolCalls,
                limit: 300,
            },
            Cause::Unknown,
        ]
    }

    fn row() -> execution::Model {
        execution::Model {
            id: Uuid::nil(),
            revision: 1,
            status: Status::InProgress.as_str().to_owned(),
            data_set_id: Uuid::nil(),
            agent_id: Uuid::nil(),
            execution_key: "job".to_owned(),
            schema_version: "1".to_owned(),
            conversation_id: Uuid::nil(),
            launched_by: Uuid::nil(),
            attempt: 2,
            max_attempts: 4,
            failure_category: None,
            failure_code: None,
            failure_retryable: None,
            cancel_requested_at: None,
            cancel_requested_by: None,
            cancel_reason: None,
            cancel_confirmed_at: None,
            progress_done: None,
            progress_total: None,
            progress_note: None,
            input_tokens: 0,
            output_tokens: 0,
            model_calls: 5,
            tool_calls: 1,
            cached_input_tokens: 0,
            cost_micro_usd: None,
            retry_of: None,
            max_duration_ms: Some(900_000),
            created_at: 0,
            started_at: Some(0),
            finished_at: None,
            duration_ms: None,
            expires_at: None,
            deadline_at: None,
            updated_at: 0,
        }
    }

    #[test]
    fn every_category_is_explained_for_executions_and_for_answers() {
        let causes = every_cause();
        for category in FailureCategory::ALL {
            // The agent that stops gives its own reason.
            let is_told = causes.iter().any(|cause| cause.category() == category);
            assert_eq!(
                is_told,
                category != FailureCategory::StoppedByAgent,
                "{category:?}"
            );
        }
        let mut told = String::new();
        for cause in &causes {
            let (execution, reply) = (cause.of_execution(&row()), cause.of_reply());
            for failure in [&execution, &reply] {
                assert_eq!(failure.category, cause.category().as_str());
                // What stopped it, and what to do: at least two sentences.
                assert!(failure.explanation.matches(". ").count() >= 1, "{failure:?}");
                assert!(failure.explanation.ends_with('.'), "{failure:?}");
            }
            told += &format!(
                "{}\n  {}\n  {}\n",
                execution.category, execution.explanation, reply.explanation
            );
        }
        insta::assert_snapshot!(told);
    }

    #[test]
    fn an_explanation_says_how_far_it_came() {
        let waiting = execution::Model {
            started_at: None,
            ..row()
        };
        let begun = execution::Model {
            model_calls: 0,
            ..row()
        };
        let once = execution::Model {
            attempt: 1,
            tool_calls: 0,
            ..row()
        };
        let told = [waiting, begun, once].map(|row| tried(&row));
        assert_eq!(
            told,
            [
                "It was still waiting in the queue",
                "The agent was just about to begin",
                "The agent had made 5 model calls and no tool call",
            ]
        );
    }

    #[test]
    fn lengths_of_time_are_told_in_words() {
        let told = [20, 1000, 61_000, 900_000, 5_400_000, 90_061_000].map(span);
        assert_eq!(
            told,
            [
                "20 milliseconds",
                "1 second",
                "1 minute 1 second",
                "15 minutes",
                "1 hour 30 minutes",
                "1 day 1 hour",
            ]
        );
    }

    #[test]
    fn a_model_without_an_answer_is_named_with_what_to_do_and_a_code() {
        let overloaded = NoAnswer::Overloaded {
            for_ms: Some(600_000),
        };
        let cases = [
            (overloaded, "model_unavailable", "left alone for 10 minutes"),
            (NoAnswer::Down, "model_unavailable", "asked 6 times in 31 seconds"),
            (NoAnswer::Unusable, "answer_unusable", "no part of it was used"),
            (NoAnswer::CutOff, "answer_cut_off", "max_output_tokens"),
            (NoAnswer::TooLong, "context_exceeded", "shorter documents"),
            (NoAnswer::Refused, "model_refused", "change what is asked"),
            (NoAnswer::NotAccepted, "model_misconfigured", "Ask the operator"),
            (NoAnswer::Missing, "model_misconfigured", "Choose another one"),
        ];
        for (why, code, words) in cases {
            let cause = no_answer(why, 6);
            for failure in [cause.of_execution(&row()), cause.of_reply()] {
                let said = &failure.explanation;
                let kind = (failure.category.as_str(), failure.code.as_str());
                assert_eq!(kind, ("runtime_error", code));
                assert!(said.contains(words) && said.contains("`fast`"), "{said}");
            }
        }
    }

    #[test]
    fn what_others_say_ends_like_a_sentence() {
        assert_eq!(sentence(" it is no JSON "), "it is no JSON.");
        assert_eq!(sentence("Really?"), "Really?");
    }
}
