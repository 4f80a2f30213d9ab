package android.graphics

import java.io.InputStream

class Rect

class Bitmap {
    enum class Config { ARGB_8888, RGB_565 }

    val width: Int get() = TODO()
    val height: Int get() = TODO()

    fun copy(config: Config, isMutable: Boolean): Bitmap = TODO()

    fun getPixels(
        pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int,
    ): Unit = TODO()
}

object BitmapFactory {
    class Options

    fun decodeStream(stream: InputStream): Bitmap = TODO()

    fun decodeStream(stream: InputStream, padding: Rect, options: Options): Bitmap = TODO()
}
