//! From the list of judges to one struct with all of them, and to one sorted table of all rules; both when the program
//! is compiled.

use super::Rule;

/// Makes `RULES` and `Judges` of the list of groups and judges.
///
/// Each judge is a field, and each of its methods is called directly: those that a judge does not have are empty and
/// vanish, so that a judge costs nothing where it is not interested.
macro_rules! registry {
    (
        $(#[$_reported:meta])*
        reported: [$($rules:path),* $(,)?],
        $(#[$_judged:meta])*
        judged: { $($name:ident: $judge:ty),* $(,)? }
    ) => {
        const GROUPS: &[&[Rule]] = &[$($rules,)* $(<$judge as judge::Judge>::RULES,)*];

        /// Every rule, sorted by its code.
        pub const RULES: &[Rule] = &registry::sorted::<{ registry::count(GROUPS) }>(GROUPS);

        /// The judges of one connection.
        #[derive(Debug, Default)]
        pub(super) struct Judges {
            $($name: $judge,)*
        }

        registry::dispatch! { Judges { $($name),* }
            opened();
            handshake(packet: &judge::HandshakeSeen<'_>);
            note(note: &crate::proto::chunk::Note);
            lost(loss: &judge::LossSeen);
            resumed(resumed: &judge::Resumed);
            gap(gap: &super::Gap);
            header(message: &super::MessageRecord<'_>);
            control(control: &crate::proto::message::Control);
            user_control(event: &crate::proto::message::UserControl);
            command(command: &crate::proto::message::Command, message: &super::MessageRecord<'_>);
            data(data: &crate::proto::message::Data, message: &super::MessageRecord<'_>);
            media(frame: &super::pace::Frame, message: &super::MessageRecord<'_>);
            second(frame: &super::pace::Frame);
            tick();
            ended(direction: crate::proto::Direction);
            closed(closed: super::Closed);
        }
    };
}

/// One method for each event, which calls that of every judge.
macro_rules! dispatch {
    ($judges:ident { $($name:ident),* } $($event:ident($($argument:ident: $type:ty),*);)*) => {
        registry::dispatch! { @events $judges [$($name)*] $($event($($argument: $type),*);)* }
    };
    (@events $judges:ident $names:tt $($event:ident($($argument:ident: $type:ty),*);)*) => {
        #[allow(unused_variables, unused_mut, reason = "no judge may have an interest in an event")]
        impl $judges {
            $(registry::dispatch! { @event $names $event($($argument: $type),*) })*
        }
    };
    (@event $names:tt $event:ident($($argument:ident: $type:ty),*)) => {
        pub(super) fn $event(&mut self, seen: &mut judge::Seen<'_> $(, $argument: $type)*) {
            registry::dispatch! { @calls self seen $event ($($argument),*) $names }
        }
    };
    (@calls $self:ident $seen:ident $event:ident $arguments:tt [$($name:ident)*]) => {
        $(registry::dispatch! { @call $self $seen $name $event $arguments })*
    };
    (@call $self:ident $seen:ident $name:ident $event:ident ($($argument:ident),*)) => {
        judge::Judge::$event(&mut $self.$name, $seen $(, $argument)*);
    };
}

pub(super) use {dispatch, registry};

pub(super) const fn count(groups: &[&[Rule]]) -> usize {
    let mut n = 0;
    let mut at = 0;
    while at < groups.len() {
        n += groups[at].len();
        at += 1;
    }
    n
}

/// All rules in the order of their codes. Two of the same code do not compile.
pub(super) const fn sorted<const N: usize>(groups: &[&[Rule]]) -> [Rule; N] {
    const EMPTY: Rule = Rule {
        code: "",
        severity: super::Severity::Info,
        confidence: super::Confidence::Hint,
        title: "",
        meaning: "",
        breaks_on: "",
        fix: "",
        spec: None,
    };
    let mut rules = [EMPTY; N];
    let mut n = 0;
    let mut group = 0;
    while group < groups.len() {
        let mut at = 0;
        while at < groups[group].len() {
            let rule = groups[group][at];
            let mut to = n;
            while to > 0 && is_before(rule.code, rules[to - 1].code) {
                rules[to] = rules[to - 1];
                to -= 1;
            }
            rules[to] = rule;
            n += 1;
            at += 1;
        }
        group += 1;
    }
    rules
}

/// Whether one code comes before another; the same one twice ends the compilation.
const fn is_before(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    assert!(a.len() != b.len(), "two rules have the same code");
    a.len() < b.len()
}
