// SPDX-License-Identifier: Apache-2.0

/// What a picture of the embedded model shows, or should show.
package struct SceneAttributes: Sendable, Equatable, Codable {
    /// One thing in the scene.
    package struct Object: Sendable, Equatable, Codable {
        /// Its kind, such as `house`.
        package var object: String
        /// None for kinds that have one colour only.
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

    /// Where nothing is: a caption says nothing of what is missing.
    package static let nothing = "none"

    /// The object of a kind.
    package func object(_ kind: String) -> Object? { objects.first { $0.object == kind } }
}

/// What is asked of a picture; the raw values are the names that people see.
package enum AttributeKind: String, Sendable, CaseIterable {
    case sky
    case land
    case background
    case celestial
    /// Of each object asked for: whether it is there.
    case object
    /// Whether there is no kind of object that was not asked for.
    case noOtherObject = "no other object"
    /// Of each object asked for and found: whether its colour is right.
    case colour
    /// Of each object asked for and found: whether its place is right.
    case position
    /// Of each object asked for: whether it is there, in the right colour and place.
    case wholeObject = "whole object"
}
