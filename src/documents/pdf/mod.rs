//! PDF: each page under a line with its number. A page tells where each letter stands and nothing
//! about words, lines or tables; these are made of the letters' places ([`layout`]).
//!
//! Hidden text layers count, for that is how scanned pages carry what was recognized on them. A
//! page that has a picture and no letter says that it may be a scan.

mod layout;

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::page::Page as Sheet;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::util::TransformExt;
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};

use super::{Page, Unreadable};
use layout::Letter;

/// A page of a newspaper has some 50,000.
const MAX_LETTERS: usize = 500_000;

pub(super) fn extract(bytes: Vec<u8>) -> Result<String, Unreadable> {
    let pdf = Pdf::new(bytes).map_err(why)?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(Unreadable::Damaged);
    }
    let cache = InterpreterCache::new();
    let mut text = Page::default();
    let (mut has_text, mut has_picture) = (false, false);
    for (place, sheet) in pages.iter().enumerate() {
        let seen = look_at(sheet, &pdf, &cache);
        if seen.letters.len() > MAX_LETTERS {
            return Err(Unreadable::TooLong);
        }
        let words = layout::text(seen.letters);
        text.push(&format!("=== Page {} of {} ===\n\n", place + 1, pages.len()))?;
        if !words.trim().is_empty() {
            has_text = true;
            text.push(&words)?;
        } else if seen.has_picture {
            text.push("(no text, only a picture: it may be a scan)\n")?;
        } else {
            text.push("(empty)\n")?;
        }
        has_picture |= seen.has_picture;
        text.push("\n")?;
    }
    match (has_text, has_picture) {
        (true, _) => Ok(text.0),
        (false, true) => Err(Unreadable::Scan),
        (false, false) => Err(Unreadable::Empty),
    }
}

fn why(error: LoadPdfError) -> Unreadable {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Unreadable::Locked,
        _ => Unreadable::Damaged,
    }
}

fn look_at<'a>(sheet: &Sheet<'a>, pdf: &'a Pdf, cache: &InterpreterCache<'a>) -> Seen {
    let settings = InterpreterSettings::default();
    let (width, height) = sheet.render_dimensions();
    let upright = sheet.initial_transform(true).to_kurbo();
    let area = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(upright, area, cache, pdf.xref(), settings);
    let mut seen = Seen::default();
    interpret_page(sheet, &mut context, &mut seen);
    seen
}

#[derive(Default)]
struct Seen {
    letters: Vec<Letter>,
    has_picture: bool,
}

impl Device<'_> for Seen {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        if self.letters.len() > MAX_LETTERS {
            return;
        }
        for glyph in run.glyphs() {
            let text = match glyph.as_unicode() {
                Some(BfString::Char(c)) => c.to_string(),
                Some(BfString::String(text)) => text,
                None => char::REPLACEMENT_CHARACTER.to_string(),
            };
            let place = props.transform * glyph.transform();
            let advance = match &**glyph {
                Glyph::Outline(outline) => outline.advance_width(),
                Glyph::Type3(drawn) => drawn.advance_width(),
            };
            self.letters.extend(letter(text, place, advance));
        }
    }

    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {
        self.has_picture = true;
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Where a glyph stands on the page, upright and with y downwards. Glyphs are 1,000 units high
/// (ISO 32000-2, section 9.2.4); half of that where the font does not say how wide one is.
fn letter(text: String, place: Affine, advance: Option<f32>) -> Option<Letter> {
    let at = |x: f64, y: f64| place * Point::new(x, y);
    let origin = at(0.0, 0.0);
    let up: Vec2 = at(0.0, 1_000.0) - origin;
    let along: Vec2 = at(f64::from(advance.unwrap_or(500.0)), 0.0) - origin;
    let size = up.hypot();
    let is_sound = [origin.x, origin.y, along.x, along.y, size]
        .iter()
        .all(|number| number.is_finite() && number.abs() < 1e6);
    (is_sound && size > 0.0).then_some(Letter {
        text,
        x: origin.x,
        y: origin.y,
        width: along.hypot(),
        size,
        // Text up the margin, or across as a watermark, belongs to no line of the page.
        is_upright: along.y.abs() <= along.x.abs() * 0.1 && along.x >= 0.0,
    })
}
