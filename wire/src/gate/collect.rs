//! Field collection and merging (spec, sections 6.3.2 and 6.4.3) before execution: the document that async-graphql
//! gets has one operation, no fragment spreads, no `@skip` and `@include`, and each response key once, so that every
//! field is resolved once and a fragment at a subscription's root streams like the plain field.
//!
//! On an object everything flattens. On an interface or union a field may be wanted for some of the possible objects
//! only; then the objects are sorted into classes that want the same, and each class gets its own inline fragment.

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::{Directive, DirectiveList, Value as Literal},
    collections::{IndexMap, IndexSet},
    executable::{Field, Selection, SelectionSet},
};
use async_graphql::{Pos, Positioned, Value, Variables, parser::types as library};

use super::{lines::Lines, shape::Shape, types::Types, values::literal};
use crate::fault::Fault;

pub(super) struct Collect<'d> {
    pub(super) document: &'d ExecutableDocument,
    pub(super) source: &'d str,
    pub(super) lines: &'d Lines,
    pub(super) types: &'d Types,
    pub(super) variables: &'d Variables,
    /// The root of subscriptions.
    pub(super) subscription: Option<&'d Name>,
    /// Fields that may still be written; classes of objects within classes can multiply.
    pub(super) budget: usize,
}

/// Which of the parent's possible objects a selection applies to. Set 0 of a walk is always all of them.
struct Set<'d> {
    has: Vec<bool>,
    /// The type condition that says exactly this, if one does.
    name: Option<&'d Name>,
}

struct Walk<'d> {
    possible: Option<&'d IndexSet<Name>>,
    sets: Vec<Set<'d>>,
    visited: Vec<(&'d Name, usize)>,
    /// By response key, in order of first appearance; each field with the set it applies to.
    found: IndexMap<&'d Name, Vec<(usize, &'d Node<Field>)>>,
}

impl<'d> Collect<'d> {
    /// Merges selection sets on the same parent.
    pub(super) fn merge(
        &mut self,
        parent: &'d Name,
        sets: &[&'d SelectionSet],
    ) -> Result<(library::SelectionSet, Shape), Fault> {
        let possible = self.types.possible(parent);
        let all = vec![true; possible.map_or(1, IndexSet::len)];
        let mut walk = Walk {
            possible,
            sets: vec![Set {
                has: all,
                name: Some(parent),
            }],
            visited: Vec::new(),
            found: IndexMap::default(),
        };
        for set in sets {
            self.walk(&mut walk, set, 0)?;
        }

        let mut plain = Vec::with_capacity(walk.found.len());
        let mut conditional: IndexMap<&'d Name, Vec<Positioned<library::Selection>>> = IndexMap::default();
        let mut shape = Shape::with_capacity(walk.found.len());
        // Whether an object's type decides what is wanted of it.
        let mut by_type = false;
        for (key, found) in &walk.found {
            let is_leaf = found[0].1.selection_set.selections.is_empty();
            let everywhere = found.iter().all(|(set, _)| *set == 0);
            if everywhere || is_leaf && found.iter().any(|(set, _)| *set == 0) {
                // A leaf wanted by all covers those that want it again.
                let first = found
                    .iter()
                    .find(|(set, _)| *set == 0)
                    .map_or(found[0].1, |(_, field)| *field);
                let fields: Vec<_> = if is_leaf {
                    vec![first]
                } else {
                    found.iter().map(|(_, field)| *field).collect()
                };
                let (field, below) = self.field(&fields)?;
                plain.push(field);
                shape.push(key, found[0].1.ty(), None, below);
                continue;
            }
            for (objects, wanted) in classes(&walk, found, is_leaf) {
                let fields: Vec<_> = wanted.iter().map(|at| found[*at].1).collect();
                let mut below_all = None;
                for condition in conditions(self.types, parent, &walk, found, &objects, &wanted) {
                    let (field, below) = self.field(&fields)?;
                    below_all.get_or_insert(below);
                    if condition == parent {
                        plain.push(field);
                    } else {
                        conditional.entry(condition).or_default().push(field);
                    }
                }
                let all = possible.map_or(1, IndexSet::len);
                let names = (objects.len() < all).then(|| {
                    let names = objects.iter().filter_map(|object| possible?.get_index(*object));
                    names.cloned().collect()
                });
                by_type |= names.is_some();
                shape.push(key, found[0].1.ty(), names, below_all.unwrap_or_default());
            }
        }
        // A subscription's root is an event and no object.
        if by_type || walk.found.is_empty() && !self.is_subscription(parent) {
            let asked = walk.found.iter().find(|(_, found)| {
                found
                    .iter()
                    .any(|(set, field)| *set == 0 && field.name == "__typename")
            });
            match asked {
                Some((key, _)) => shape.typed_by(key, false),
                None => {
                    let mut key = String::from("__type");
                    while walk.found.keys().any(|known| known.as_str() == key) {
                        key.push('_');
                    }
                    plain.push(type_name(&key));
                    shape.typed_by(&key, true);
                }
            }
        }
        plain.extend(conditional.into_iter().map(|(condition, items)| {
            let pos = items.first().map_or(Pos::default(), |item| item.pos);
            let inline = library::InlineFragment {
                type_condition: Some(Positioned::new(
                    library::TypeCondition {
                        on: Positioned::new(async_graphql::Name::new(condition), pos),
                    },
                    pos,
                )),
                directives: Vec::new(),
                selection_set: Positioned::new(library::SelectionSet { items }, pos),
            };
            Positioned::new(
                library::Selection::InlineFragment(Positioned::new(inline, pos)),
                pos,
            )
        }));
        Ok((library::SelectionSet { items: plain }, shape))
    }

    fn walk(&mut self, walk: &mut Walk<'d>, set: &'d SelectionSet, applies: usize) -> Result<(), Fault> {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    if self.is_wanted(&field.directives)? {
                        walk.found
                            .entry(field.response_key())
                            .or_default()
                            .push((applies, field));
                    }
                }
                Selection::InlineFragment(inline) => {
                    if self.is_wanted(&inline.directives)?
                        && let Some(narrowed) = match &inline.type_condition {
                            Some(condition) => narrow(self.types, walk, applies, condition),
                            None => Some(applies),
                        }
                    {
                        self.walk(walk, &inline.selection_set, narrowed)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    if self.is_wanted(&spread.directives)?
                        && !walk.visited.contains(&(&spread.fragment_name, applies))
                        && let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                    {
                        walk.visited.push((&spread.fragment_name, applies));
                        if let Some(narrowed) = narrow(self.types, walk, applies, &fragment.selection_set.ty)
                        {
                            self.walk(walk, &fragment.selection_set, narrowed)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes fields that validation found to be the same as one.
    fn field(&mut self, same: &[&'d Node<Field>]) -> Result<(Positioned<library::Selection>, Shape), Fault> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            Fault::limit(
                "the operation asks for too many different things of different types of the same field",
                None,
            )
        })?;
        let first = same[0];
        let pos = self.pos(first);
        let sets: Vec<&SelectionSet> = same
            .iter()
            .map(|field| &field.selection_set)
            .filter(|set| !set.selections.is_empty())
            .collect();
        let (selection_set, below) = if sets.is_empty() {
            (library::SelectionSet::default(), Shape::default())
        } else {
            self.merge(first.ty().inner_named_type(), &sets)?
        };
        let field = library::Field {
            alias: first
                .alias
                .as_ref()
                .map(|alias| Positioned::new(async_graphql::Name::new(alias), pos)),
            name: Positioned::new(async_graphql::Name::new(&first.name), pos),
            arguments: self.arguments(&first.arguments, pos),
            directives: same
                .iter()
                .flat_map(|field| field.directives.iter())
                .filter(|directive| !matches!(directive.name.as_str(), "skip" | "include"))
                .map(|directive| self.directive(directive, pos))
                .collect(),
            selection_set: Positioned::new(selection_set, pos),
        };
        Ok((
            Positioned::new(library::Selection::Field(Positioned::new(field, pos)), pos),
            below,
        ))
    }

    fn arguments(
        &self,
        arguments: &[Node<apollo_compiler::ast::Argument>],
        pos: Pos,
    ) -> Vec<(
        Positioned<async_graphql::Name>,
        Positioned<async_graphql_value::Value>,
    )> {
        let is_given = |name: &str| self.variables.contains_key(name);
        arguments
            .iter()
            .filter_map(|argument| {
                let value = literal(&argument.value, &is_given)?;
                Some((
                    Positioned::new(async_graphql::Name::new(&argument.name), pos),
                    Positioned::new(value, pos),
                ))
            })
            .collect()
    }

    fn directive(&self, directive: &Node<Directive>, pos: Pos) -> Positioned<library::Directive> {
        Positioned::new(
            library::Directive {
                name: Positioned::new(async_graphql::Name::new(&directive.name), pos),
                arguments: self.arguments(&directive.arguments, pos),
            },
            pos,
        )
    }

    /// `@skip` and `@include` (sections 3.13.1 and 3.13.2).
    fn is_wanted(&self, directives: &DirectiveList) -> Result<bool, Fault> {
        for directive in directives.iter() {
            let wants = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                _ => continue,
            };
            let is = match directive.specified_argument_by_name("if").map(|value| &**value) {
                Some(Literal::Boolean(is)) => *is,
                Some(Literal::Variable(name)) => match self.variables.get(name.as_str()) {
                    Some(Value::Boolean(is)) => *is,
                    _ => {
                        return Err(Fault::bad(
                            format!("@{} needs a Boolean, and ${name} is null", directive.name),
                            directive
                                .location()
                                .map(|at| self.lines.pos(self.source, at.offset())),
                        ));
                    }
                },
                _ => continue,
            };
            if is != wants {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_subscription(&self, parent: &Name) -> bool {
        self.subscription.is_some_and(|root| root == parent)
    }

    pub(super) fn pos<T: ?Sized>(&self, node: &Node<T>) -> Pos {
        node.location()
            .map(|at| self.lines.pos(self.source, at.offset()))
            .unwrap_or_default()
    }
}

/// `__typename` under a key of ours.
fn type_name(key: &str) -> Positioned<library::Selection> {
    let pos = Pos::default();
    let field = library::Field {
        alias: Some(Positioned::new(async_graphql::Name::new(key), pos)),
        name: Positioned::new(async_graphql::Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(library::SelectionSet::default(), pos),
    };
    Positioned::new(library::Selection::Field(Positioned::new(field, pos)), pos)
}

/// The set of what is in `applies` and fulfils the condition; `None` if that is nothing.
fn narrow<'d>(types: &'d Types, walk: &mut Walk<'d>, applies: usize, condition: &'d Name) -> Option<usize> {
    let possible = walk.possible?;
    if walk.sets[applies].name == Some(condition) {
        return Some(applies);
    }
    let fulfils = types.possible(condition)?;
    let has: Vec<bool> = possible
        .iter()
        .zip(&walk.sets[applies].has)
        .map(|(object, is_in)| *is_in && fulfils.contains(object))
        .collect();
    if !has.contains(&true) {
        return None;
    }
    if possible.len() == 1 && possible.first() == walk.sets[0].name {
        // An object, which has every field of its interfaces. A union or interface of one object has not.
        return Some(applies);
    }
    // Within a narrower set the condition says more than the set holds, unless all that fulfil it are in.
    let exact = possible
        .iter()
        .zip(&has)
        .all(|(object, is_in)| *is_in == fulfils.contains(object));
    // Equal sets of different names stay apart: a field of one interface need not be a field of the other.
    let name = exact.then_some(condition);
    if let Some(known) = walk
        .sets
        .iter()
        .position(|set| set.name == name && set.has == has)
    {
        return Some(known);
    }
    walk.sets.push(Set { has, name });
    Some(walk.sets.len() - 1)
}

/// Objects that want the same of the fields found under one key, with what they want.
fn classes(walk: &Walk<'_>, found: &[(usize, &Node<Field>)], is_leaf: bool) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut classes: IndexMap<Vec<usize>, Vec<usize>> = IndexMap::default();
    for object in 0..walk.sets[0].has.len() {
        let mut wanted: Vec<usize> = (0..found.len())
            .filter(|at| walk.sets[found[*at].0].has[object])
            .collect();
        if is_leaf {
            wanted.truncate(1);
        }
        if !wanted.is_empty() {
            classes.entry(wanted).or_default().push(object);
        }
    }
    classes
        .into_iter()
        .map(|(wanted, objects)| (objects, wanted))
        .collect()
}

/// The type conditions that together say exactly these objects.
fn conditions<'d>(
    types: &Types,
    parent: &'d Name,
    walk: &Walk<'d>,
    found: &[(usize, &Node<Field>)],
    objects: &[usize],
    wanted: &[usize],
) -> Vec<&'d Name> {
    let says = |set: &Set<'_>| set.has.iter().filter(|is| **is).count() == objects.len();
    for at in wanted {
        let set = &walk.sets[found[*at].0];
        if let Some(name) = set.name
            && says(set)
            && (name != parent || types.is_interface(parent))
        {
            return vec![name];
        }
    }
    walk.possible.map_or_else(Vec::new, |possible| {
        objects
            .iter()
            .filter_map(|object| possible.get_index(*object))
            .collect()
    })
}
