// SPDX-License-Identifier: Apache-2.0

/// A prompt file that is one JSON value, not lines: an array of texts and objects, or one object.
enum PromptDocument {
    /// The fields of every prompt; `nil` for a file that is to be read line by line.
    ///
    /// - Throws: `json` for what begins as a document and is none, `foreign` for another program's.
    static func read(
        _ text: PromptText, source: String, dialect: PromptDialect, limits: JSONLimits
    ) throws(PromptListError) -> [PromptFields]? {
        guard let first = text.lines.first(where: \.isSignificant) else { return nil }
        let document = text.bytes[first.offset...]
        switch shape(of: document) {
        case .array:
            guard
                case .array(let elements) = try value(
                    document, of: text, source: source, limits)
            else { return nil }
            var all: [PromptFields] = []
            var problemCount = 0
            for (index, element) in elements.enumerated()
            where problemCount < PromptListError.readProblemCountMax {
                all.append(
                    fields(of: element, origin: "\(source), entry \(index + 1)", dialect))
                problemCount += all[index].problems.count
            }
            return all
        case .object(let isOpenLine):
            let value: JSONValue
            do throws(PromptListError) {
                value = try self.value(document, of: text, source: source, limits)
            } catch {
                // Several objects: one per line is fine, spread over lines they are not.
                if isOpenLine { throw error }
                return nil
            }
            guard case .object(let object) = value else { return nil }
            guard object["prompt"] != nil else {
                throw .foreign(source: source, what: kind(of: object))
            }
            var fields = PromptFields(origin: "\(source):\(first.number)", dialect: dialect)
            fields.set(object)
            return [fields]
        case .lines: return nil
        }
    }

    private enum Shape {
        case array
        /// `isOpenLine`: nothing but the brace stands on the first line.
        case object(isOpenLine: Bool)
        case lines
    }

    /// A bracket alone does not make JSON: prompts may begin with one, as in `[cat|dog]`.
    private static func shape(of document: ArraySlice<UInt8>) -> Shape {
        let head = Array(document.lazy.enumerated().filter { !isSpace($0.element) }.prefix(3))
        let bytes = head.map(\.element)
        guard bytes.count > 1 else { return .lines }
        func beginsObject(_ position: Int) -> Bool {
            bytes.count > position + 1 && bytes[position] == UInt8(ascii: "{")
                && (bytes[position + 1] == UInt8(ascii: "\"")
                    || bytes[position + 1] == UInt8(ascii: "}"))
        }
        if beginsObject(0) {
            let offsets = head.map(\.offset)
            let gap = document.dropFirst(offsets[0]).prefix(offsets[1] - offsets[0])
            return .object(isOpenLine: gap.contains { $0 == 0x0A || $0 == 0x0D })
        }
        guard bytes[0] == UInt8(ascii: "[") else { return .lines }
        let isArray =
            bytes[1] == UInt8(ascii: "\"") || bytes[1] == UInt8(ascii: "]") || beginsObject(1)
        return isArray ? .array : .lines
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D) ~= byte }

    private static func fields(
        of element: JSONValue, origin: String, _ dialect: PromptDialect
    ) -> PromptFields {
        var fields = PromptFields(origin: origin, dialect: dialect)
        switch element {
        case .string: fields.set(["prompt": element])
        case .object(let object): fields.set(object)
        default: fields.report("must be a text or an object with \"prompt\"", isOfType: true)
        }
        return fields
    }

    private static func value(
        _ document: ArraySlice<UInt8>, of text: PromptText, source: String, _ limits: JSONLimits
    ) throws(PromptListError) -> JSONValue {
        do throws(JSONFault) {
            return try JSONParser.parse(document, limits: limits)
        } catch {
            let line = error.offset.map { offset in
                PromptText.lineNumber(at: document.startIndex + offset, in: text.file)
            }
            throw .json(source: line.map { "\(source):\($0)" } ?? source, reason: error.text)
        }
    }

    private static func kind(of object: [String: JSONValue]) -> String {
        if object["images"] != nil, object["run"] != nil {
            return """
                the report of a run, whose requests are prompts (jq '[.images[].request]')
                """
        }
        return "a JSON object without \"prompt\""
    }
}
