//! What an operation costs to walk, found without walking it: each fragment is measured once and its numbers are
//! added wherever it is spread, so a document of doubling fragments is refused in linear time.

use apollo_compiler::{
    ExecutableDocument, Name,
    collections::HashMap,
    executable::{Operation, Selection, SelectionSet},
};

use crate::{fault::Fault, limits::DocumentLimits};

/// Sizes of one operation with every fragment spread out; saturating.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Size {
    pub(super) fields: usize,
    pub(super) depth: usize,
    aliases: usize,
    directives: usize,
    /// Lists within lists of introspection.
    lists: usize,
    /// Fragments spread within fragments.
    height: usize,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.lists = self.lists.max(other.lists);
        self.height = self.height.max(other.height);
    }
}

pub(super) struct Measure<'d> {
    document: &'d ExecutableDocument,
    limits: &'d DocumentLimits,
    /// `None` while a fragment is being measured: a cycle, which validation refuses.
    fragments: HashMap<&'d Name, Option<Size>>,
}

impl<'d> Measure<'d> {
    pub(super) fn new(document: &'d ExecutableDocument, limits: &'d DocumentLimits) -> Self {
        Self {
            document,
            limits,
            fragments: HashMap::default(),
        }
    }

    pub(super) fn operation(&mut self, operation: &'d Operation) -> Result<Size, Fault> {
        let mut size = self.selection_set(&operation.selection_set, 0)?;
        size.directives = size.directives.saturating_add(operation.directives.len());
        let limits = self.limits;
        let over = [
            (size.depth, limits.depth, "levels of fields"),
            (size.fields, limits.fields, "fields"),
            (size.aliases, limits.aliases, "aliases"),
            (size.directives, limits.directives, "directives"),
            (
                size.lists,
                limits.introspection_lists.saturating_sub(1),
                "lists within lists of introspection",
            ),
        ];
        match over.into_iter().find(|(is, limit, _)| is > limit) {
            Some((_, limit, what)) => Err(Fault::limit(
                format!("the operation has more than {limit} {what}, with its fragments spread out"),
                None,
            )),
            None => Ok(size),
        }
    }

    fn selection_set(&mut self, set: &'d SelectionSet, spread: usize) -> Result<Size, Fault> {
        let mut sum = Size::default();
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let mut size = self.selection_set(&field.selection_set, spread)?;
                    size.fields = size.fields.saturating_add(1);
                    size.depth += 1;
                    size.aliases = size.aliases.saturating_add(usize::from(field.alias.is_some()));
                    size.directives = size.directives.saturating_add(field.directives.len());
                    let is_list = matches!(
                        field.name.as_str(),
                        "fields" | "interfaces" | "possibleTypes" | "inputFields"
                    );
                    size.lists += usize::from(is_list && set.ty.starts_with("__"));
                    sum.add(size);
                }
                Selection::InlineFragment(inline) => {
                    let mut size = self.selection_set(&inline.selection_set, spread)?;
                    size.directives = size.directives.saturating_add(inline.directives.len());
                    sum.add(size);
                }
                Selection::FragmentSpread(named) => {
                    let mut size = self.fragment(&named.fragment_name, spread)?;
                    size.directives = size.directives.saturating_add(named.directives.len());
                    sum.add(size);
                }
            }
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'d Name, spread: usize) -> Result<Size, Fault> {
        if let Some(known) = self.fragments.get(name) {
            return Ok(known.unwrap_or_default());
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        if spread >= self.limits.fragment_depth {
            return Err(self.too_nested());
        }
        self.fragments.insert(name, None);
        let mut size = self.selection_set(&fragment.selection_set, spread + 1)?;
        // Walked from below, a chain is longer than this recursion was deep.
        size.height += 1;
        if size.height > self.limits.fragment_depth {
            return Err(self.too_nested());
        }
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
    fn too_nested(&self) -> Fault {
        Fault::limit(
            format!(
                "fragments are spread in fragments deeper than {}",
                self.limits.fragment_depth
            ),
            None,
        )
    }
}
