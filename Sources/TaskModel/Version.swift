/// The version of this product, as `isthmus version`, `isthmus status` and the Python package give it.
package enum ProductVersion {
    package static let text = "0.1.0"
}
