use super::*;
use crate::domain::explanation::Cause;

fn spent(what: &'static str, period: Period, numbers: (i64, i64, i64)) -> Spent {
    let budget = Budget {
        name: "shop".to_owned(),
        scope: Scope::default(),
        period,
        most: Most::default(),
    };
    let (most, used, wanted) = numbers;
    Spent {
        renews_at: period.ends(1_700_000_000_000),
        budget: Arc::new(budget),
        what,
        most,
        used,
        wanted,
    }
}

#[test]
fn whoever_is_refused_is_told_which_budget_how_much_and_when_it_renews() {
    let told = |spent: Spent| Cause::SharedBudgetSpent(Box::new(spent)).of_reply();
    let failure = told(spent("model calls", Period::Day, (500, 500, 1)));
    assert_eq!(
        failure.explanation,
        "The agent was answering, and the shared budget `shop` had no room for the next step: of 500 model calls a day, 500 are used or reserved, and this would have been 1 more. It renews at 2023-11-15T00:00:00.000Z: send the message again then, or have the operator raise it."
    );
    assert_eq!(
        (failure.category.as_str(), failure.retryable),
        ("budget_exceeded", true)
    );
    let failure = told(spent(COST, Period::Total, (12_000_000, 11_990_000, 20_500)));
    assert_eq!(
        failure.explanation,
        "The agent was answering, and the shared budget `shop` had no room for the next step: of USD 12.00 in all, USD 11.99 are used or reserved, and this would have been USD 0.0205 more. It does not renew: have the operator raise it."
    );
    assert!(!failure.retryable);
}

#[test]
fn money_is_written_with_cents_and_finer_where_there_is_finer() {
    for (micro, text) in [
        (0, "USD 0.00"),
        (10_000, "USD 0.01"),
        (1, "USD 0.000001"),
        (1_234_500_000, "USD 1234.50"),
    ] {
        assert_eq!(usd(micro), text);
    }
}

#[test]
fn a_scope_covers_what_has_all_that_it_names() {
    let (set, agent) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let subject = Subject {
        data_set: set,
        agent,
        agent_type: "order-intake",
        model: "fast",
    };
    let budget = |name: &str, scope: Scope| Budget {
        name: name.to_owned(),
        scope,
        period: Period::Day,
        most: Most::default(),
    };
    let of_set = |data_set: Uuid| Scope {
        data_set: Some(data_set),
        ..Scope::default()
    };
    let budgets = Budgets::new(vec![
        budget("set", of_set(set)),
        budget("other-set", of_set(agent)),
        budget(
            "model-in-set",
            Scope {
                model: Some("fast".to_owned()),
                ..of_set(set)
            },
        ),
        budget(
            "other-model-in-set",
            Scope {
                model: Some("slow".to_owned()),
                ..of_set(set)
            },
        ),
        budget(
            "agent",
            Scope {
                agent: Some(agent),
                agent_type: Some("order-intake".to_owned()),
                ..Scope::default()
            },
        ),
        budget("everything", Scope::default()),
    ]);
    let covering = budgets.of(&subject);
    let names: Vec<&str> = covering.iter().map(|budget| budget.name.as_str()).collect();
    assert_eq!(
        names,
        ["agent", "everything", "model-in-set", "set"],
        "in the order of locks"
    );
}
