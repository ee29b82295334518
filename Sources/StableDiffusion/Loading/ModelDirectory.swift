// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A model in diffusers' layout: one sub-directory per component, each with its configuration.
package struct ModelDirectory: Sendable {
    /// Where it is, without a trailing slash.
    package let path: String
    /// What its files were when this process first read them.
    package let files = ModelFileLedger()

    /// Checks that the directory is there.
    package init(path: String) throws(ConfigurationError) {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        self.path = path
        try Self.requireDirectory(path)
    }

    /// Whether a file or directory is in it.
    func holds(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(name)")
    }

    /// The directory of a component, such as `unet`.
    package func component(_ name: String) throws(ConfigurationError) -> String {
        let directory = "\(path)/\(name)"
        try Self.requireDirectory(directory)
        return directory
    }

    /// Reads and checks a configuration.
    package func configuration<Configuration: ComponentConfiguration>(
        _ type: Configuration.Type, component name: String, file: String = "config.json"
    ) throws(ConfigurationError) -> Configuration {
        try configuration(type, path: "\(try component(name))/\(file)")
    }

    /// Reads and checks a configuration at a path.
    func configuration<Configuration: ComponentConfiguration>(
        _ type: Configuration.Type, path: String
    ) throws(ConfigurationError) -> Configuration {
        let data = try files.read(path)
        do {
            let configuration = try JSONDecoder().decode(type, from: data)
            try configuration.validate()
            return configuration
        } catch let problem as ConfigurationProblem {
            throw ConfigurationError(path: path, problem: problem)
        } catch let error as DecodingError {
            throw ConfigurationError(path: path, problem: Self.problem(error))
        } catch {
            throw ConfigurationError(path: path, problem: .notReadable(reason: "can't be read"))
        }
    }

    private static func requireDirectory(_ path: String) throws(ConfigurationError) {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory
        else { throw ConfigurationError(path: path, problem: .missingDirectory) }
    }

    private static func problem(_ error: DecodingError) -> ConfigurationProblem {
        switch error {
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            return key.isEmpty
                ? .notReadable(reason: "is no JSON object")
                : .notReadable(reason: "\"\(key)\" should be \(describe(type))")
        case .keyNotFound(let key, _):
            return .notReadable(reason: "\"\(key.stringValue)\" is missing")
        case .dataCorrupted(let context):
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            return .notReadable(
                reason: key.isEmpty
                    ? "is not JSON"
                    : "\"\(key)\" can't be read: "
                        + context.debugDescription)
        @unknown default:
            return .notReadable(reason: "can't be read")
        }
    }

    private static func describe(_ type: any Any.Type) -> String {
        switch type {
        case is Int.Type: "a whole number"
        case is Float.Type, is Double.Type: "a number"
        case is Bool.Type: "true or false"
        case is String.Type: "a text"
        default: "a list"
        }
    }
}

/// What a component's `config.json` says.
package protocol ComponentConfiguration: Decodable, Sendable {
    /// Checks that the values make sense together and stand for something we do.
    func validate() throws(ConfigurationProblem)
}
