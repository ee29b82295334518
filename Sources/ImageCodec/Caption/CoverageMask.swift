// SPDX-License-Identifier: Apache-2.0

/// How much of each pixel a filled outline covers, computed exactly.
///
/// Signed-area accumulation as in Raph Levien's font-rs: every edge adds its area to the pixels it
/// crosses, and a running sum along the row turns the edges into coverage.
struct CoverageMask {
    let width: Int
    let height: Int
    private var deltas: [Float]

    /// Creates an empty mask of `width` × `height` pixels.
    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        // Two spare cells receive what edges on the right rim add to their neighbours.
        deltas = [Float](repeating: 0, count: width * height + 2)
    }

    /// Coverage of every pixel, 0 to 1, row by row.
    func coverage() -> [Float] {
        var sum: Float = 0
        return deltas.dropLast(2).map { delta in
            sum += delta
            return min(abs(sum), 1)
        }
    }

    /// Adds a closed contour in pixel coordinates, y downwards.
    mutating func add(contour: [CaptionGlyphs.Point]) {
        guard let start = CoverageMask.startPoint(of: contour) else { return }
        var pen = start
        var control: CaptionGlyphs.Point?
        // Start after the start point if it is one of the contour's own.
        let skipped = contour[0].isOnCurve ? 1 : 0
        for point in contour.dropFirst(skipped) + [start] {
            switch (control, point.isOnCurve) {
            case (nil, true):
                addLine(from: pen, to: point)
                pen = point
            case (nil, false):
                control = point
            case (let middle?, true):
                addCurve(from: pen, control: middle, to: point)
                pen = point
                control = nil
            case (let middle?, false):
                // Two controls in a row imply an on-curve point half-way, as in TrueType.
                let implied = CoverageMask.midpoint(middle, point)
                addCurve(from: pen, control: middle, to: implied)
                pen = implied
                control = point
            }
        }
    }

    private static func startPoint(of contour: [CaptionGlyphs.Point]) -> CaptionGlyphs.Point? {
        guard let first = contour.first, let last = contour.last else { return nil }
        if first.isOnCurve { return first }
        return last.isOnCurve ? last : midpoint(first, last)
    }

    private static func midpoint(
        _ a: CaptionGlyphs.Point, _ b: CaptionGlyphs.Point
    ) -> CaptionGlyphs.Point {
        CaptionGlyphs.Point(x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, isOnCurve: true)
    }

    private mutating func addCurve(
        from a: CaptionGlyphs.Point, control: CaptionGlyphs.Point, to b: CaptionGlyphs.Point
    ) {
        // Eight pieces keep the error below a hundredth of a pixel at caption sizes.
        let pieceCount = 8
        var previous = a
        for piece in 1...pieceCount {
            let t = Float(piece) / Float(pieceCount)
            let (u, v, w) = ((1 - t) * (1 - t), 2 * t * (1 - t), t * t)
            let next = CaptionGlyphs.Point(
                x: u * a.x + v * control.x + w * b.x, y: u * a.y + v * control.y + w * b.y,
                isOnCurve: true)
            addLine(from: previous, to: next)
            previous = next
        }
    }

    private mutating func addLine(from a: CaptionGlyphs.Point, to b: CaptionGlyphs.Point) {
        guard a.y != b.y else { return }
        let (top, bottom, direction) = a.y < b.y ? (a, b, Float(1)) : (b, a, Float(-1))
        let slope = (bottom.x - top.x) / (bottom.y - top.y)
        var x = top.x - min(top.y, 0) * slope
        let firstRow = Int(max(top.y, 0))
        let endRow = min(height, Int(bottom.y.rounded(.up)))
        guard firstRow < endRow else { return }
        for row in firstRow..<endRow {
            let spanned = min(Float(row + 1), bottom.y) - max(Float(row), top.y)
            let nextX = x + slope * spanned
            addSpan(row: row, from: min(x, nextX), to: max(x, nextX), area: spanned * direction)
            x = nextX
        }
    }

    /// Spreads the signed area of an edge's part within one row over the pixels it crosses.
    private mutating func addSpan(row: Int, from x0: Float, to x1: Float, area: Float) {
        let limit = Float(width)
        let (left, right) = (min(max(x0, 0), limit), min(max(x1, 0), limit))
        let first = Int(left)
        let end = Int(right.rounded(.up))
        let start = row * width
        if end <= first + 1 {
            let offset = (left + right) / 2 - Float(first)
            deltas[start + first] += area * (1 - offset)
            deltas[start + first + 1] += area * offset
            return
        }
        // A pixel is covered by all of the edge that is to its left, and by its right-hand part
        // where the edge crosses it.
        let density = 1 / (right - left)
        var covered: Float = 0
        for pixel in first..<end {
            let enter = max(left, Float(pixel))
            let leave = min(right, Float(pixel + 1))
            let inside = (leave - enter) * (Float(pixel + 1) - (enter + leave) / 2)
            let total = (enter - left + inside) * density
            deltas[start + pixel] += area * (total - covered)
            covered = total
        }
        deltas[start + end] += area * (1 - covered)
    }
}
