//! A text as a QR code of half blocks, for a terminal with light text on a dark ground or the other
//! way round: the quiet zone is drawn.

use qrcode::{Color, EcLevel, QrCode};

use super::session::wrong;
use rpc::error::CallError;

/// Light modules around the code.
const QUIET: isize = 4;

/// Two rows of modules a line.
pub fn picture(text: &[u8]) -> Result<String, CallError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| {
        wrong(format!("{} bytes are too many for a QR code: show a file's parts", text.len()))
    })?;
    let width = code.width() as isize;
    let light = |x: isize, y: isize| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        !inside || code[(x as usize, y as usize)] == Color::Light
    };
    let mut picture = String::new();
    for y in (-QUIET..width + QUIET).step_by(2) {
        for x in -QUIET..width + QUIET {
            picture.push(match (light(x, y), light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        picture.push('\n');
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_with_three_corners() {
        let picture = picture(b"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080").expect("fits");
        let lines: Vec<&str> = picture.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(width.div_ceil(2) == lines.len() && width >= 21 + 8);
        assert!(super::picture(&[b'a'; 4000]).is_err());
    }
}
