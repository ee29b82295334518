// SPDX-License-Identifier: Apache-2.0

/// What a picture of the embedded model shows, or should show.
package struct SceneAttributes: Sendable, Equatable, Codable {
    /// One thing in the scene.
    package struct Object: Sendable, Equatable, Codable {
        /// Its kind, such as `house`.
        package var object: String
        /// `nil` for kinds that have only one colour.
        package var colour: String?
        /// `left`, `centre` or `right`.
        package var position: String

        package init(object: String, colour: String?, position: String) {
            self.object = object
            self.colour = colour
            self.position = position
        }
    }

    package var sky: String
    package var land: String
    package var background: String
    package var celestial: String
    /// At most one of a kind.
    package var objects: [Object]

    package init(
        sky: String, land: String, background: String, celestial: String, objects: [Object]
    ) {
        self.sky = sky
        self.land = land
        self.background = background
        self.celestial = celestial
        self.objects = objects
    }

    /// For an empty place: a caption does not mention what is missing.
    package static let nothing = "none"

    /// The object of a kind.
    package func object(_ kind: String) -> Object? { objects.first { $0.object == kind } }
}

/// The questions about a picture; the raw values are the displayed names.
package enum AttributeKind: String, Sendable, CaseIterable {
    case sky
    case land
    case background
    case celestial
    /// For each requested object: whether it is there.
    case object
    /// Whether no unrequested kind of object is there.
    case noOtherObject = "no other object"
    /// For each requested object that is found: whether its colour is right.
    case colour
    /// For each requested object that is found: whether its position is right.
    case position
    /// For each requested object: whether it is there, with the right colour and position.
    case wholeObject = "whole object"
}
