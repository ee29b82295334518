// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ImageCodec

/// The pictures with the most misses, as a contact sheet.
package struct AttributeSheet {
    /// Maximum number of pictures on a sheet.
    package static let countMax = 24

    /// Indices of the pictures on it, the worst first.
    package let indices: [Int]
    private let pictures: [JudgedPicture]

    /// - Parameter pictures: of one setting; those without a miss are omitted.
    package init(_ pictures: [JudgedPicture]) {
        self.pictures = pictures
        let missed = pictures.indices.filter { !pictures[$0].misses.isEmpty }
        indices = Array(
            missed.sorted {
                (-pictures[$0].misses.count, $0) < (-pictures[$1].misses.count, $1)
            }.prefix(Self.countMax))
    }

    /// Encodes the sheet as PNG: below each picture what is wrong, and its prompt.
    ///
    /// - Parameters:
    ///   - picture: returns a picture by its index.
    ///   - sink: receives the bytes of the file, piece by piece.
    package func write(
        width: Int, height: Int, texts: [PNGText] = [], picture: (Int) throws -> RGBImage,
        sink: ([UInt8]) throws -> Void
    ) throws {
        precondition(!indices.isEmpty, "an empty sheet")
        let captions = indices.map { index in
            let picture = pictures[index]
            return ContactSheet.Caption(
                title: "\(picture.misses.joined(separator: "; ")) – \(picture.prompt.prompt)",
                detail: "#\(picture.prompt.index)")
        }
        let sheet = try ContactSheet(
            count: indices.count, cellWidth: width, cellHeight: height, captions: captions,
            style: ContactSheetStyle(titleLineCount: 7))
        try sheet.write(texts: texts, picture: { try picture(indices[$0]) }, sink: sink)
    }
}
