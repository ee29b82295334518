// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes

/// The service's page: files in `Resources`, which are part of the program.
///
/// They are plain HTML, CSS and ES modules, as browsers read them: there is no framework, no build
/// step, and nothing that is loaded from elsewhere.
package enum WebPage {
    /// A file as it is served.
    package struct File: Sendable, Equatable {
        /// Its name beside `index.html`.
        package let name: String
        /// With the character set of texts.
        package let mediaType: String
        /// All of it.
        package let bytes: [UInt8]
        /// Names its content: an `ETag`.
        package let tag: String

        init(_ name: String, _ bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
            mediaType =
                switch name.split(separator: ".").last {
                case "html": "text/html; charset=utf-8"
                case "css": "text/css; charset=utf-8"
                case "svg": "image/svg+xml"
                default: "text/javascript; charset=utf-8"
                }
            tag = "\"\(Hexadecimal.text(SHA256.hash(data: bytes).prefix(12)))\""
        }
    }

    /// What the page may load and do: its own files and requests, pictures that it made of answers.
    package static let policy = """
        default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
        frame-ancestors 'none'
        """

    /// The page itself.
    package static let index = File("index.html", PackageResources.index_html)

    /// Everything that the page loads.
    package static let parts = [
        File("app.css", PackageResources.app_css),
        File("icon.svg", PackageResources.icon_svg),
        File("theme.js", PackageResources.theme_js),
        File("api.js", PackageResources.api_js),
        File("app.js", PackageResources.app_js),
        File("cluster.js", PackageResources.cluster_js),
        File("compare.js", PackageResources.compare_js),
        File("details.js", PackageResources.details_js),
        File("dom.js", PackageResources.dom_js),
        File("events.js", PackageResources.events_js),
        File("form.js", PackageResources.form_js),
        File("gallery.js", PackageResources.gallery_js),
        File("queue.js", PackageResources.queue_js),
        File("state.js", PackageResources.state_js),
        File("words.js", PackageResources.words_js),
    ]
}
