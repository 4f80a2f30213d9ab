@_exported import Foundation

open class CALayer: NSObject {}
