//! stub
/// Rule
pub struct Rule {
    pub code: &'static str,
    pub severity: super::Severity,
    pub title: &'static str,
    pub meaning: &'static str,
    pub breaks_on: &'static str,
    pub fix: &'static str,
    pub spec: Option<&'static str>,
}
/// r
pub const RULES: &[Rule] = &[];
/// r
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|r| r.code == code)
}
