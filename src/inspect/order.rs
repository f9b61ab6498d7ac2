//! The order in which the pictures of a track are shown, as composition times say it.

/// What the composition times of one track say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    /// When the picture is shown that is shown last so far, milliseconds.
    last: Option<u32>,
    /// Pictures in a row that are shown before it.
    run: u32,
    /// The longest such run: 0 where pictures are shown as they come.
    pub(crate) longest: u32,
    /// The lowest and highest composition time, milliseconds.
    pub(crate) spread: Option<(i32, i32)>,
}

impl Order {
    /// A picture came that is shown so many milliseconds behind its time. `true`: it is the first that is shown before one
    /// that was sent before it.
    #[inline]
    pub(super) fn picture(&mut self, timestamp: u32, composition: i32) -> bool {
        let (least, most) = self.spread.unwrap_or((composition, composition));
        self.spread = Some((least.min(composition), most.max(composition)));
        let shown = timestamp.wrapping_add_signed(composition);
        if self.last.is_some_and(|last| (shown.wrapping_sub(last) as i32) < 0) {
            self.run += 1;
            let first = self.longest == 0;
            self.longest = self.longest.max(self.run);
            return first;
        }
        (self.last, self.run) = (Some(shown), 0);
        false
    }

    /// The time has stepped: what was to be shown is compared no more.
    pub(super) fn stepped(&mut self) {
        (self.last, self.run) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_shown_in_another_order() {
        // Time and composition time, the longest run.
        let all: [(&[(u32, i32)], u32); 7] = [
            (&[(0, 0), (40, 0), (80, 0)], 0),
            (&[(0, 80), (40, 80), (80, 80)], 0),
            (&[(0, 33), (40, 34), (80, 33)], 0),
            (&[(0, 40), (40, 80), (80, 0), (120, 80), (160, 0)], 1),
            (&[(0, 80), (40, 160), (80, 40), (120, 0), (160, 0), (200, 160)], 3),
            (&[(u32::MAX - 40, 80), (0, 120), (40, 0), (80, 80)], 1),
            (&[(0, -80), (40, 0), (80, -80), (120, 0)], 1),
        ];
        for (pictures, longest) in all {
            let mut order = Order::default();
            let first = pictures.iter().filter(|(time, off)| order.picture(*time, *off)).count();
            assert_eq!((order.longest, first), (longest, usize::from(longest > 0)), "{pictures:?}");
        }
        let mut order = Order::default();
        order.picture(5_000, 0);
        order.stepped();
        assert!(!order.picture(0, -7));
        assert_eq!((order.longest, order.spread), (0, Some((-7, 0))));
    }
}
