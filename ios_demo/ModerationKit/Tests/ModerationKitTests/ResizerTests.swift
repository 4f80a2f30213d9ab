import Foundation
import Testing

@testable import ModerationKit

@Suite struct ResizerTests {
    private struct Case: Decodable {
        let name: String
        let width: Int
        let height: Int
        let picture: String
        let size: [Int]
        let resize: Resize
        let background: RGBColour
        let cornerPixels: [[UInt8]]
        let base64: Data?

        enum CodingKeys: String, CodingKey {
            case name, width, height, picture, size, resize, background, base64
            case cornerPixels = "corner_pixels"
        }

        func resized(by how: Resize? = nil) -> RGBPicture {
            Resizer(
                PictureInput(
                    name: "image", height: size[0], width: size[1], resize: how ?? resize,
                    exif: .apply, background: background)
            ).resize(drawn)
        }

        /// The picture, by the formula that the vectors state.
        private var drawn: RGBPicture {
            let pixels = (0..<height).flatMap { y in
                (0..<width).flatMap { x in
                    picture == "gradient" ? gradient(x, y) : noise(x, y)
                }
            }
            return RGBPicture(width: width, height: height, bytes: pixels)
        }

        private func gradient(_ x: Int, _ y: Int) -> [UInt8] {
            [
                UInt8(x * 255 / max(1, width - 1)), UInt8(y * 255 / max(1, height - 1)),
                UInt8((x + y) * 255 / max(1, width + height - 2)),
            ]
        }

        private func noise(_ x: Int, _ y: Int) -> [UInt8] {
            (0..<3).map { (channel: UInt32) in
                let across = UInt32(x) &* 73_856_093
                let down = UInt32(y) &* 19_349_663
                let hash = (across ^ down ^ (channel &* 83_492_791)) &* 2_654_435_761
                return UInt8(hash >> 24)
            }
        }
    }

    /// The vectors hold for Pillow 13; another arithmetic may be off by one level.
    private func levelsOff(_ one: some Sequence<UInt8>, _ other: some Sequence<UInt8>) -> Int {
        zip(one, other).map { abs(Int($0) - Int($1)) }.max() ?? 0
    }

    private func corners(of picture: RGBPicture) -> [[UInt8]] {
        [0, picture.height - 1].flatMap { y in
            [0, picture.width - 1].map { x in
                let start = (y * picture.width + x) * 3
                return Array(picture.bytes[start..<start + 3])
            }
        }
    }

    @Test func resizesAsTheVectorsSay() throws {
        for one in try Vectors<Case>.read("resize.json") {
            let resized = one.resized()
            #expect([resized.height, resized.width] as [Int] == one.size, "\(one.name)")
            #expect(
                levelsOff(corners(of: resized).joined(), one.cornerPixels.joined()) <= 1,
                "\(one.name)")
            guard let expected = one.base64 else { continue }
            #expect(expected.count == resized.bytes.count, "\(one.name)")
            #expect(levelsOff(resized.bytes, expected) <= 1, "\(one.name)")
        }
    }

    @Test func theVectorsTellAWrongResizeFromARightOne() throws {
        for one in try Vectors<Case>.read("resize.json") where one.name == "bicubic" {
            let expected = try #require(one.base64)
            let wrongs = [
                Resize(mode: .stretch, filter: .bilinear),
                Resize(mode: .centerCrop, filter: .bicubic),
                Resize(mode: .stretch, filter: .bicubic, antialias: false),
                Resize(mode: .stretch, filter: .bicubic, crop: 0.9),
            ]
            for wrong in wrongs {
                #expect(levelsOff(one.resized(by: wrong).bytes, expected) > 8)
            }
            return
        }
        Issue.record("no case called bicubic")
    }
}
