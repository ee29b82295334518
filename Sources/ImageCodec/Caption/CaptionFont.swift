// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The font under the pictures of a contact sheet: Roboto, antialiased, at any size.
///
/// Latin, Greek and Cyrillic letters have shapes; other characters show as a hollow box.
package struct CaptionFont: Sendable {
    /// Pixels per em.
    package let size: Float

    /// Creates the font at a size in pixels per em.
    package init(size: Float) {
        precondition(size >= 4 && size <= 400, "a font of \(size) pixels")
        self.size = size
    }

    /// Distance between two baselines, in pixels.
    package var lineHeight: Int { Int((size * 1.3).rounded()) }

    /// Distance from the top of a line to its baseline, in pixels.
    package var ascent: Int { Int((size * 1.0).rounded()) }

    /// Width of a text, in pixels.
    package func width(of text: some StringProtocol) -> Float {
        text.unicodeScalars.reduce(0) { $0 + advance(of: $1) }
    }

    /// Draws one line of text over a picture.
    ///
    /// - Parameters:
    ///   - text: The line; control characters are omitted.
    ///   - image: The picture; parts outside are clipped.
    ///   - x: Start position of the pen.
    ///   - y: The top of the line; its baseline is `ascent` below.
    ///   - color: The colour of the letters.
    package func draw(
        _ text: some StringProtocol, into image: inout RGBImage, x: Int, y: Int,
        color: RGBImage.Color
    ) {
        let margin = Int(size / 2) + 1
        let maskWidth = min(Int(width(of: text)), image.width) + 2 * margin
        var mask = CoverageMask(width: maskWidth, height: lineHeight + margin)
        var pen = Float(margin)
        let scale = size / CaptionGlyphs.unitsPerEm
        for scalar in text.unicodeScalars where !CaptionFont.isInvisible(scalar) {
            guard pen < Float(maskWidth) else { break }
            let glyph = CaptionFont.glyph(for: scalar)
            for contour in glyph.contours {
                mask.add(
                    contour: contour.map {
                        CaptionGlyphs.Point(
                            x: pen + $0.x * scale, y: Float(ascent) - $0.y * scale,
                            isOnCurve: $0.isOnCurve)
                    })
            }
            pen += glyph.advance * scale
        }
        CaptionFont.blend(mask, into: &image, x: x - margin, y: y, color: color)
    }

    /// Breaks a text into lines no wider than `width` pixels, between words where possible; if more
    /// than `lineCountMax` are needed, the last one ends in an ellipsis.
    package func lines(of text: String, width: Float, lineCountMax: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            let longer = line.isEmpty ? String(word) : "\(line) \(word)"
            if self.width(of: longer) <= width {
                line = longer
                continue
            }
            if !line.isEmpty { lines.append(line) }
            line = String(word)
            // No need to break text that will not be shown.
            guard lines.count <= lineCountMax else { break }
            while self.width(of: line) > width, line.count > 1 {
                let head = prefix(of: line, width: width)
                lines.append(head)
                line = String(line.dropFirst(head.count))
            }
        }
        if !line.isEmpty { lines.append(line) }
        guard lines.count > lineCountMax, lineCountMax > 0 else {
            return Array(lines.prefix(lineCountMax))
        }
        var last = lines[lineCountMax - 1]
        while !last.isEmpty, self.width(of: last + "…") > width { last.removeLast() }
        while let end = last.last, end.isWhitespace || end == "," { last.removeLast() }
        return lines.prefix(lineCountMax - 1) + [last + "…"]
    }

    /// The longest prefix that fits, at least one character.
    private func prefix(of text: String, width: Float) -> String {
        var head = ""
        for character in text {
            guard head.isEmpty || self.width(of: head + String(character)) <= width else { break }
            head.append(character)
        }
        return head
    }

    private func advance(of scalar: Unicode.Scalar) -> Float {
        guard !CaptionFont.isInvisible(scalar) else { return 0 }
        return CaptionFont.glyph(for: scalar).advance * size / CaptionGlyphs.unitsPerEm
    }

    private static func glyph(for scalar: Unicode.Scalar) -> CaptionGlyphs.Glyph {
        CaptionGlyphs.all[scalar.value] ?? CaptionGlyphs.missing
    }

    /// Control characters, combining marks, joiners and variation selectors have no width.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .nonspacingMark, .enclosingMark: true
        default: false
        }
    }

    private static func blend(
        _ mask: CoverageMask, into image: inout RGBImage, x: Int, y: Int, color: RGBImage.Color
    ) {
        func mix(_ below: UInt8, _ above: UInt8, _ alpha: Float) -> UInt8 {
            UInt8((Float(below) + (Float(above) - Float(below)) * alpha).rounded())
        }
        let coverage = mask.coverage()
        for row in 0..<mask.height where (0..<image.height).contains(y + row) {
            for column in 0..<mask.width where (0..<image.width).contains(x + column) {
                let alpha = coverage[row * mask.width + column]
                guard alpha > 0 else { continue }
                let below = image[x + column, y + row]
                image[x + column, y + row] = RGBImage.Color(
                    red: mix(below.red, color.red, alpha),
                    green: mix(below.green, color.green, alpha),
                    blue: mix(below.blue, color.blue, alpha))
            }
        }
    }
}
