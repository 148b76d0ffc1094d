//! Which handlers a default export has, as far as its text tells.

use std::collections::BTreeSet;

use oxc_ast::ast::{
    BindingPattern, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression,
    ObjectExpression, ObjectPropertyKind, Program, Statement,
};
use oxc_syntax::module_record::{
    ExportEntry, ExportExportName, ExportImportName, ExportLocalName, ImportImportName,
    ModuleRecord,
};

/// Values that refer to each other in a circle are not followed for ever.
const DEEPEST: usize = 16;

/// The members of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) members: BTreeSet<String>,
    /// What other modules export and this one takes its members from: module, name.
    pub(super) from: Vec<(String, String)>,
    /// It may have other members.
    pub(super) open: bool,
}

impl Shape {
    fn any() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    fn add(&mut self, other: Self) {
        self.members.extend(other.members);
        self.from.extend(other.from);
        self.open |= other.open;
    }
}

/// The name under which an entry exports.
pub(super) fn export_name(entry: &ExportEntry) -> Option<String> {
    match &entry.export_name {
        ExportExportName::Name(name) => Some(name.name.to_string()),
        ExportExportName::Default(_) => Some("default".to_owned()),
        ExportExportName::Null => None,
    }
}

/// The shape of what a module exports as `default`.
pub(super) fn of_default(program: &Program, record: &ModuleRecord) -> Shape {
    let module = Module { program, record };
    let is_default = |entry: &&ExportEntry| export_name(entry).as_deref() == Some("default");
    if let Some(entry) = record.indirect_export_entries.iter().find(is_default) {
        let module = entry.module_request.as_ref().map(|module| &module.name);
        return match (module, &entry.import_name) {
            (Some(module), ExportImportName::Name(name)) => Shape {
                from: vec![(module.to_string(), name.name.to_string())],
                ..Shape::default()
            },
            _ => Shape::any(),
        };
    }
    for statement in &program.body {
        if let Statement::ExportDefaultDeclaration(export) = statement {
            return match &export.declaration {
                ExportDefaultDeclarationKind::ClassDeclaration(class) => module.class(class, 0),
                ExportDefaultDeclarationKind::FunctionDeclaration(_) => Shape::any(),
                other => other
                    .as_expression()
                    .map_or_else(Shape::any, |expression| module.expression(expression, 0)),
            };
        }
    }
    let local = record.local_export_entries.iter().find(is_default);
    match local.map(|entry| &entry.local_name) {
        Some(ExportLocalName::Name(name)) => module.name(&name.name, 0),
        Some(_) => Shape::any(),
        None => Shape::default(),
    }
}

struct Module<'a, 'b> {
    program: &'b Program<'a>,
    record: &'b ModuleRecord<'a>,
}

impl Module<'_, '_> {
    fn expression(&self, expression: &Expression, depth: usize) -> Shape {
        match expression {
            _ if depth > DEEPEST => Shape::any(),
            Expression::ObjectExpression(object) => self.object(object, depth + 1),
            Expression::ClassExpression(class) => self.class(class, depth + 1),
            Expression::Identifier(name) => self.name(&name.name, depth + 1),
            Expression::ParenthesizedExpression(inner) => {
                self.expression(&inner.expression, depth + 1)
            }
            _ => Shape::any(),
        }
    }

    fn object(&self, object: &ObjectExpression, depth: usize) -> Shape {
        let mut shape = Shape::default();
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(property) => match property.key.static_name() {
                    Some(name) => {
                        shape.members.insert(name.to_string());
                    }
                    None => shape.open = true,
                },
                ObjectPropertyKind::SpreadProperty(spread) => {
                    shape.add(self.expression(&spread.argument, depth));
                }
            }
        }
        shape
    }

    fn class(&self, class: &Class, depth: usize) -> Shape {
        let mut shape = match &class.super_class {
            Some(base) => self.expression(base, depth),
            None => Shape::default(),
        };
        for element in &class.body.body {
            let key = match element {
                ClassElement::MethodDefinition(method) if !method.r#static => &method.key,
                ClassElement::PropertyDefinition(property) if !property.r#static => &property.key,
                _ => continue,
            };
            match key.static_name() {
                Some(name) => {
                    shape.members.insert(name.to_string());
                }
                None => shape.open = true,
            }
        }
        shape
    }

    /// What a name of the module's own scope stands for.
    fn name(&self, name: &str, depth: usize) -> Shape {
        let imported =
            |entry: &&oxc_syntax::module_record::ImportEntry| entry.local_name.name == name;
        if let Some(entry) = self.record.import_entries.iter().find(imported) {
            let of = match &entry.import_name {
                ImportImportName::Name(name) => name.name.to_string(),
                ImportImportName::Default(_) => "default".to_owned(),
                ImportImportName::NamespaceObject => return Shape::any(),
            };
            return Shape {
                from: vec![(entry.module_request.name.to_string(), of)],
                ..Shape::default()
            };
        }
        for statement in &self.program.body {
            let declaration = match statement {
                Statement::ExportNamedDeclaration(export) => export.declaration.as_ref(),
                other => other.as_declaration(),
            };
            match declaration {
                Some(Declaration::ClassDeclaration(class))
                    if class.id.as_ref().is_some_and(|id| id.name == name) =>
                {
                    return self.class(class, depth);
                }
                // What is assigned later is not seen here.
                Some(Declaration::VariableDeclaration(variables)) if variables.kind.is_const() => {
                    for variable in &variables.declarations {
                        if let BindingPattern::BindingIdentifier(id) = &variable.id
                            && id.name == name
                        {
                            return variable
                                .init
                                .as_ref()
                                .map_or_else(Shape::any, |value| self.expression(value, depth));
                        }
                    }
                }
                _ => {}
            }
        }
        Shape::any()
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::parse;
    use super::Shape;

    fn shape(text: &str) -> Shape {
        parse(text).ok().unwrap().exports.default
    }

    fn members(text: &str) -> Vec<String> {
        let shape = shape(text);
        assert!(!shape.open, "{shape:?}");
        shape.members.into_iter().collect()
    }

    #[test]
    fn handlers_are_found_in_objects_and_classes() {
        assert_eq!(
            members("export default { fetch() {}, 'queue': async () => {}, ['email']() {} }"),
            ["email", "fetch", "queue"]
        );
        assert_eq!(
            members("const handler = { fetch };\nexport { handler as default };"),
            ["fetch"]
        );
        assert_eq!(
            members(
                "class W { static no() {} async scheduled() {} tail = () => {} }\nexport default W;"
            ),
            ["scheduled", "tail"]
        );
        assert_eq!(
            members("const a = { fetch() {} };\nexport default { ...a, queue() {} };"),
            ["fetch", "queue"]
        );
        assert_eq!(members("export const x = 1;"), Vec::<String>::new());
    }

    #[test]
    fn what_comes_from_other_modules_is_named() {
        let from = |text: &str| shape(text).from;
        let rust = [("./rust.js".to_owned(), "default".to_owned())];
        for text in [
            "export { default } from './rust.js'",
            "import rust from './rust.js'; export default rust;",
            "import { default as r } from './rust.js'; export default { ...r };",
            "import R from './rust.js'; export default class extends R { queue() {} }",
        ] {
            assert_eq!(from(text), rust, "{text}");
        }
    }

    #[test]
    fn what_is_computed_may_be_anything() {
        for text in [
            "export default make();",
            "let a = {}; a.fetch = 1; export default a;",
            "export default { [name]: 1 };",
            "const a = { ...b }, b = { ...a }; export default a;",
        ] {
            assert!(shape(text).open, "{text}");
        }
    }
}
