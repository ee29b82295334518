// SPDX-License-Identifier: Apache-2.0

/// A drawing of lines, circles and text, as SVG on a white ground.
struct SVGDocument {
    private var elements: [String]

    init(width: Int, height: Int, font: String, fontSize: Int) {
        elements = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" \
            font-family="\(font)" font-size="\(fontSize)">
            """,
            #"<rect width="100%" height="100%" fill="white"/>"#,
        ]
    }

    /// The whole document.
    var contents: String { (elements + ["</svg>\n"]).joined(separator: "\n") }

    /// Adds an element as it is.
    mutating func add(_ element: String) { elements.append(element) }

    /// Adds a line of text; it stays text, whatever is in it.
    ///
    /// - Parameters:
    ///   - anchor: SVG's `text-anchor`: which end `x` is.
    ///   - color: as CSS writes it.
    mutating func add(
        text: String, x: Double, y: Double, anchor: String = "start", color: String,
        weight: Int = 400
    ) {
        let safe = text.map { character -> String in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            default: String(character)
            }
        }.joined()
        elements.append(
            """
            <text x="\(x)" y="\(y)" text-anchor="\(anchor)" fill="\(color)" \
            font-weight="\(weight)">\(safe)</text>
            """)
    }
}
