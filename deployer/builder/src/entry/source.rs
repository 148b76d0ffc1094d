//! What a JavaScript file imports and exports, as its parser sees it.

use std::collections::BTreeSet;
use std::ops::Range;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, CallExpression, ExportAllDeclaration, ExportNamedDeclaration, Expression,
    ImportDeclaration, ImportExpression, StringLiteral, WithClause,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::{SourceType, Span};

use super::shape::{self, Shape};

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// It has `import` or `export`.
    pub(super) is_module: bool,
    /// In the order of the file.
    pub(super) imports: Vec<Import>,
    /// Where modules are imported whose names are computed.
    pub(super) computed: Vec<usize>,
    pub(super) exports: Exported,
}

/// A module that is imported or required by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) specifier: String,
    /// The string literal, quotes included.
    pub(super) at: Range<usize>,
    /// What follows it: ` with { type: "json" }`.
    pub(super) attributes: Option<Range<usize>>,
    pub(super) how: How,
}

/// How a module is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `import`, `export … from`, `import()`
    Import,
    /// `require()`, which is only a function in CommonJS modules.
    Require,
}

/// The names that a module exports.
#[derive(Debug, Default)]
pub(super) struct Exported {
    /// `default` among them.
    pub(super) names: BTreeSet<String>,
    /// The modules of `export * from`.
    pub(super) stars: Vec<String>,
    pub(super) default: Shape,
}

/// The parser's complaint.
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) offset: usize,
}

/// Parses a file as an ES module where it is one, else as a script.
pub(super) fn parse(text: &str) -> Result<Source, SyntaxError> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::unambiguous())
        .with_options(ParseOptions {
            // A CommonJS module is the body of a function.
            allow_return_outside_function: true,
            ..ParseOptions::default()
        })
        .parse();
    if let Some(error) = parsed.errors.first() {
        let label = error.labels.as_ref().and_then(|labels| labels.first());
        return Err(SyntaxError {
            message: error.message.to_string(),
            help: error.help.as_ref().map(ToString::to_string),
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the type is not ours to name"
            )]
            offset: label.map_or(0, |label| label.offset()),
        });
    }
    let record = &parsed.module_record;
    let mut finder = Finder::default();
    finder.visit_program(&parsed.program);
    let mut names = BTreeSet::new();
    let entries = record.local_export_entries.iter();
    for entry in entries
        .chain(&record.indirect_export_entries)
        .chain(&record.star_export_entries)
    {
        names.extend(shape::export_name(entry));
    }
    let stars = record.star_export_entries.iter();
    Ok(Source {
        is_module: record.has_module_syntax,
        imports: finder.imports,
        computed: finder.computed,
        exports: Exported {
            default: shape::of_default(&parsed.program, record),
            names,
            stars: stars
                .filter(|entry| entry.export_name.is_null())
                .filter_map(|entry| entry.module_request.as_ref())
                .map(|module| module.name.to_string())
                .collect(),
        },
    })
}

#[derive(Default)]
struct Finder {
    imports: Vec<Import>,
    computed: Vec<usize>,
}

impl Finder {
    fn literal(&mut self, literal: &StringLiteral, attributes: Option<&WithClause>, how: How) {
        let at = range(literal.span);
        self.imports.push(Import {
            specifier: literal.value.to_string(),
            attributes: attributes.map(|clause| at.end..range(clause.span).end),
            at,
            how,
        });
    }

    /// The operand of `import()` or `require()`.
    fn operand(&mut self, operand: &Expression, how: How) {
        match operand {
            Expression::StringLiteral(literal) => self.literal(literal, None, how),
            Expression::TemplateLiteral(template) if template.is_no_substitution_template() => {
                let text = template.quasis.first().and_then(|quasi| quasi.value.cooked);
                self.imports.push(Import {
                    specifier: text.map(|text| text.to_string()).unwrap_or_default(),
                    at: range(template.span),
                    attributes: None,
                    how,
                });
            }
            Expression::ParenthesizedExpression(inner) => self.operand(&inner.expression, how),
            other => self
                .computed
                .push(range(oxc_span::GetSpan::span(other)).start),
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        self.literal(&it.source, it.with_clause.as_deref(), How::Import);
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        if let Some(source) = &it.source {
            self.literal(source, it.with_clause.as_deref(), How::Import);
        }
        walk::walk_export_named_declaration(self, it);
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.literal(&it.source, it.with_clause.as_deref(), How::Import);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        self.operand(&it.source, How::Import);
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if let (Expression::Identifier(callee), [argument]) = (&it.callee, it.arguments.as_slice())
            && callee.name == "require"
            && let Argument::StringLiteral(literal) = argument
        {
            self.literal(literal, None, How::Require);
        }
        walk::walk_call_expression(self, it);
    }
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specifiers(source: &Source) -> Vec<&str> {
        let imports = source.imports.iter();
        imports.map(|import| import.specifier.as_str()).collect()
    }

    #[test]
    fn every_way_to_import_is_found_and_text_that_looks_like_one_is_not() {
        let text = r#"
            import "./side.js";
            import a, { b as c } from './a.js';
            import * as n from "./n\u002ejs";
            export { d } from "./d.js";
            export * from "./e.js";
            export * as f from "./f.js";
            import g from "./g.json" with { type: "json" };
            // import "./comment.js"
            const text = `import "./template.js"`, re = /import("x")/;
            const later = async () => import("./later.js");
            const same = () => import(`./same.js`);
            const any = (name) => import("./" + name);
            const x = { import: 1, require() {} };
        "#;
        let source = parse(text).ok().unwrap();
        assert_eq!(
            specifiers(&source),
            [
                "./side.js",
                "./a.js",
                "./n.js",
                "./d.js",
                "./e.js",
                "./f.js",
                "./g.json",
                "./later.js",
                "./same.js"
            ]
        );
        assert_eq!(source.computed, [text.find("\"./\" + name").unwrap()]);
        let json = &source.imports[6];
        assert_eq!(&text[json.at.clone()], "\"./g.json\"");
        let attributes = json.attributes.clone().unwrap();
        assert_eq!(text[attributes].trim(), "with { type: \"json\" }");
        assert!(source.is_module);
    }

    #[test]
    fn a_commonjs_module_is_no_module_and_its_requires_are_found() {
        let text = "if (!globalThis.x) return;\nconst a = require('./a.js');\nmodule.exports = { a, b: require(name) };";
        let source = parse(text).ok().unwrap();
        assert!(!source.is_module);
        assert_eq!(specifiers(&source), ["./a.js"]);
        assert_eq!(source.imports[0].how, How::Require);
    }

    #[test]
    fn exports_are_told_by_their_names() {
        let text = r#"
            import { Local } from "./local.js";
            export { Local };
            export { inner as Outer } from "./other.js";
            export * as ns from "./ns.js";
            export * from "./star.js";
            export class Counter {}
            export const { one, two: [three] } = {};
            export default function () {}
        "#;
        let source = parse(text).ok().unwrap();
        let names: Vec<_> = source.exports.names.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            ["Counter", "Local", "Outer", "default", "ns", "one", "three"]
        );
        assert_eq!(source.exports.stars, ["./star.js"]);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let text = "export default {\n  fetch( { }\n};";
        let error = parse(text).err().unwrap();
        assert!(text[error.offset..].starts_with('}'), "{}", error.message);
    }
}
