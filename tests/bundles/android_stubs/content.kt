package android.content

import java.io.InputStream

class AssetManager {
    fun open(fileName: String): InputStream = TODO()
}

class Context {
    val assets: AssetManager get() = TODO()
}
