//! Check digits: what tells a real number from one that only looks like it.

/// Freight containers, `CSQU3054383`: letters count 10, 12, …, 38 without the multiples of 11, place n weighs 2^n,
/// the sum modulo 11 (10 as 0) is the last digit (ISO 6346, annex A).
pub fn is_container(number: &str) -> bool {
    if number.len() != 11 {
        return false;
    }
    let values: Option<Vec<u32>> = number.chars().map(container_value).collect();
    let Some((check, values)) = values.as_deref().and_then(<[u32]>::split_last) else {
        return false;
    };
    let sum: u32 = values.iter().enumerate().map(|(place, value)| value << place).sum();
    sum % 11 % 10 == *check
}

fn container_value(c: char) -> Option<u32> {
    let letter = |c: char| {
        let plain = u32::from(c) - u32::from('A') + 10;
        // 11, 22 and 33 are left out.
        plain + (plain - 1) / 10
    };
    c.to_digit(10).or_else(|| c.is_ascii_uppercase().then(|| letter(c)))
}

/// Vehicles, `1M8GDM9AXKP042788`: transliterated, weighted, modulo 11 (10 as X), in the ninth place
/// (49 CFR 565.15, used for vehicles sold in North America).
pub fn is_vin(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if number.len() != WEIGHTS.len() {
        return false;
    }
    let mut sum = 0;
    for (c, weight) in number.chars().zip(WEIGHTS) {
        let Some(value) = vin_value(c) else {
            return false;
        };
        sum += value * weight;
    }
    let check = char::from_digit(sum % 11, 10).unwrap_or('X');
    number.chars().nth(8) == Some(check)
}

fn vin_value(c: char) -> Option<u32> {
    match c {
        '0'..='9' => c.to_digit(10),
        'A'..='H' => Some(u32::from(c) - u32::from('A') + 1),
        'J'..='N' => Some(u32::from(c) - u32::from('J') + 1),
        'P' => Some(7),
        'R' => Some(9),
        'S'..='Z' => Some(u32::from(c) - u32::from('S') + 2),
        _ => None,
    }
}

/// Parcels of UPS, `1Z999AA10123456784`: after `1Z`, letters count as their ASCII code less 63 modulo 10, every second
/// place counts double, and the last digit fills the sum up to a multiple of ten.
pub fn is_ups(number: &str) -> bool {
    let Some(rest) = number.strip_prefix("1Z").filter(|rest| rest.len() == 16) else {
        return false;
    };
    let value = |c: char| c.to_digit(10).or_else(|| c.is_ascii_uppercase().then(|| (u32::from(c) - 63) % 10));
    let values: Option<Vec<u32>> = rest.chars().map(value).collect();
    let Some((check, values)) = values.as_deref().and_then(<[u32]>::split_last) else {
        return false;
    };
    let sum: u32 = values.iter().enumerate().map(|(place, value)| value << (place % 2)).sum();
    (10 - sum % 10) % 10 == *check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers() {
        // The worked example of the standard, and numbers whose digit was worked out with its table of letters.
        for right in ["CSQU3054383", "MSKU0469879", "TGHU7598709", "HLXU1234509", "APZU4000013"] {
            assert!(is_container(right), "{right}");
        }
        for wrong in ["CSQU3054384", "CSQU305438", "csqu3054383", "CSQU30543é"] {
            assert!(!is_container(wrong), "{wrong}");
        }
    }

    #[test]
    fn vehicles() {
        // The worked example in the literature, and the number of ones, which checks by construction.
        for right in ["1M8GDM9AXKP042788", "11111111111111111"] {
            assert!(is_vin(right), "{right}");
        }
        for wrong in ["1M8GDM9AXKP042789", "1M8GDM9AIKP042788", "1M8GDM9AXKP04278"] {
            assert!(!is_vin(wrong), "{wrong}");
        }
    }

    #[test]
    fn parcels() {
        assert!(is_ups("1Z999AA10123456784"));
        assert!(is_ups("1Z5R89390357567127"));
        assert!(!is_ups("1Z999AA10123456785"));
        assert!(!is_ups("1Z999AA1012345678"));
    }
}
