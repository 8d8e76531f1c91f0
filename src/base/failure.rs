//! How an execution can fail: the closed set of categories, the codes that every execution type
//! has, and who explains.
//!
//! Definitions add codes of their own, each under one of these categories; a new category is a
//! change of the public contract, so add it there first, then to [`FailureCategory::ALL`] and to
//! [`built_in`].

/// Why an execution failed, closed: what a definition adds is a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCategory {
    /// The server, the model or a tool broke.
    RuntimeError,
    /// Validators refused every attempt.
    MaxRetriesExceeded,
    /// A validator refused in a way that no further attempt can mend.
    ValidationFailed,
    /// The agent found that the job cannot be done.
    StoppedByAgent,
    /// A user asked for the end.
    Canceled,
    /// It ran longer than it may.
    TimedOut,
    /// It waited in the queue longer than it may.
    Expired,
    /// The workers that ran it vanished, again and again.
    WorkerLost,
    /// It used more model calls, tool calls or tokens than it may.
    BudgetExceeded,
    /// None of the others.
    Unknown,
}

impl FailureCategory {
    /// Every category, in the contract's order.
    pub const ALL: [Self; 10] = [
        Self::RuntimeError,
        Self::MaxRetriesExceeded,
        Self::ValidationFailed,
        Self::StoppedByAgent,
        Self::Canceled,
        Self::TimedOut,
        Self::Expired,
        Self::WorkerLost,
        Self::BudgetExceeded,
        Self::Unknown,
    ];

    /// The stored form, which is also the code that every execution type has in this category.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RuntimeError => "runtime_error",
            Self::MaxRetriesExceeded => "max_retries_exceeded",
            Self::ValidationFailed => "validation_failed",
            Self::StoppedByAgent => "stopped_by_agent",
            Self::Canceled => "canceled",
            Self::TimedOut => "timed_out",
            Self::Expired => "expired",
            Self::WorkerLost => "worker_lost",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }

    /// Whether the same input may well succeed when it is launched again.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::RuntimeError
            | Self::MaxRetriesExceeded
            | Self::Canceled
            | Self::TimedOut
            | Self::Expired
            | Self::WorkerLost
            | Self::Unknown => true,
            // The agent and the validators judged the input; the budget is the definition's.
            Self::ValidationFailed | Self::StoppedByAgent | Self::BudgetExceeded => false,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::RuntimeError => "The server, the model or a tool broke down while the execution ran.",
            Self::MaxRetriesExceeded => "The agent's answer was refused in every attempt that it had.",
            Self::ValidationFailed => {
                "The agent's answer was refused, and another attempt could not have mended it."
            }
            Self::StoppedByAgent => {
                "The agent found that the job cannot be done and stopped with its reason."
            }
            Self::Canceled => "A user canceled it.",
            Self::TimedOut => "It ran longer than its maximum duration.",
            Self::Expired => "It waited in the queue longer than its time to live.",
            Self::WorkerLost => {
                "The workers that ran it disappeared repeatedly without any progress between."
            }
            Self::BudgetExceeded => {
                "It used up its budget of model calls, tool calls or tokens before it was done."
            }
            Self::Unknown => "It failed for a reason that could not be determined.",
        }
    }
}

/// A code that executions of a type can fail with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCode {
    /// `snake_case`, unique in its execution type.
    pub code: String,
    /// The kind of failure.
    pub category: FailureCategory,
    /// For people: what it means.
    pub description: String,
    /// Whether the same input may well succeed when it is launched again.
    pub retryable: bool,
}

/// Further codes that every execution type has: what can go wrong between this server and a model.
const OF_MODELS: [(&str, FailureCategory, bool, &str); 6] = [
    (
        MODEL_UNAVAILABLE,
        FailureCategory::RuntimeError,
        true,
        "The model's provider could not be reached, was overloaded or failed, again and again.",
    ),
    (
        MODEL_MISCONFIGURED,
        FailureCategory::RuntimeError,
        false,
        "The model's provider does not take this server's requests: its operator must look.",
    ),
    (
        MODEL_REFUSED,
        FailureCategory::RuntimeError,
        false,
        "The model, or its provider's filter, refused to answer.",
    ),
    (
        ANSWER_CUT_OFF,
        FailureCategory::RuntimeError,
        false,
        "The model's answer was longer than it may be and was cut off.",
    ),
    (
        ANSWER_UNUSABLE,
        FailureCategory::RuntimeError,
        true,
        "The model's answers broke off or could not be read, again and again.",
    ),
    (
        CONTEXT_EXCEEDED,
        FailureCategory::RuntimeError,
        false,
        "The job grew longer than what the model can read at once.",
    ),
];

/// The provider is down, overloaded or out of reach.
pub const MODEL_UNAVAILABLE: &str = "model_unavailable";
/// Key, account or model name are not what the provider takes.
pub const MODEL_MISCONFIGURED: &str = "model_misconfigured";
/// It will not answer this.
pub const MODEL_REFUSED: &str = "model_refused";
/// The most tokens of an answer were reached.
pub const ANSWER_CUT_OFF: &str = "answer_cut_off";
/// Nothing that came was an answer.
pub const ANSWER_UNUSABLE: &str = "answer_unusable";
/// The conversation is longer than the model's context.
pub const CONTEXT_EXCEEDED: &str = "context_exceeded";

/// The codes that every execution type has: one of each category, and those about models.
pub fn built_in() -> Vec<FailureCode> {
    let code = |category: FailureCategory| FailureCode {
        code: category.as_str().to_owned(),
        category,
        description: category.description().to_owned(),
        retryable: category.is_retryable(),
    };
    let further = OF_MODELS.map(|(code, category, retryable, description)| FailureCode {
        code: code.to_owned(),
        category,
        description: description.to_owned(),
        retryable,
    });
    FailureCategory::ALL
        .into_iter()
        .map(code)
        .chain(further)
        .collect()
}

/// Who says why it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ExplanationSource {
    Model,
    Validator,
    Agent,
    User,
    System,
}

impl ExplanationSource {
    /// Every source, in the contract's order.
    pub const ALL: [Self; 5] = [
        Self::Model,
        Self::Validator,
        Self::Agent,
        Self::User,
        Self::System,
    ];

    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Validator => "validator",
            Self::Agent => "agent",
            Self::User => "user",
            Self::System => "system",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_forms_read_back() {
        for category in FailureCategory::ALL {
            assert_eq!(FailureCategory::from_stored(category.as_str()), Some(category));
        }
        for source in ExplanationSource::ALL {
            assert_eq!(ExplanationSource::from_stored(source.as_str()), Some(source));
        }
        assert_eq!(FailureCategory::from_stored("RUNTIME_ERROR"), None);
    }

    #[test]
    fn every_category_brings_the_code_that_the_design_names() {
        let codes: Vec<String> = built_in().into_iter().map(|code| code.code).collect();
        assert_eq!(
            codes[..10].join(" "),
            "runtime_error max_retries_exceeded validation_failed stopped_by_agent canceled \
             timed_out expired worker_lost budget_exceeded unknown"
        );
    }
}
