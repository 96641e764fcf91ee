//! Figures as people read them.

/// A number without a fraction, its thousands apart.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds, in the unit that fits.
pub fn time(seconds: f64) -> String {
    match seconds {
        ..1e-6 => format!("{:.0} ns", seconds * 1e9),
        ..1e-3 => format!("{:.1} us", seconds * 1e6),
        ..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// A share of one.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Bytes, in decimal units.
pub fn bytes(count: f64) -> String {
    match count {
        ..1e3 => format!("{count:.0} B"),
        ..1e6 => format!("{:.1} KB", count / 1e3),
        _ => format!("{:.1} MB", count / 1e6),
    }
}

/// How often an event happened for each operation.
pub fn rate(count: f64) -> String {
    match count {
        0.0 => "0".to_owned(),
        ..0.001 => format!("{count:.5}"),
        ..1.0 => format!("{count:.3}"),
        _ => format!("{count:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(whole(1_234_567.4), "1,234,567");
        assert_eq!(whole(123.0), "123");
        assert_eq!(time(2.5e-7), "250 ns");
        assert_eq!(time(0.0025), "2.50 ms");
        assert_eq!(bytes(2_500_000.0), "2.5 MB");
        assert_eq!(percent(0.99945), "99.94 %");
        assert_eq!(rate(0.25), "0.250");
    }
}
