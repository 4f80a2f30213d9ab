package com.google.mediapipe.tasks.vision.imageclassifier

import android.content.Context
import com.google.mediapipe.framework.image.MPImage
import com.google.mediapipe.tasks.core.BaseOptions

class Category {
    fun categoryName(): String = TODO()

    fun score(): Float = TODO()
}

class Classifications {
    fun categories(): List<Category> = TODO()
}

class ClassificationResult {
    fun classifications(): List<Classifications> = TODO()
}

class ImageClassifierResult {
    fun classificationResult(): ClassificationResult = TODO()
}

class ImageClassifier private constructor() : AutoCloseable {
    class ImageClassifierOptions private constructor() {
        class Builder {
            fun setBaseOptions(options: BaseOptions): Builder = TODO()

            fun build(): ImageClassifierOptions = TODO()
        }

        companion object {
            fun builder(): Builder = TODO()
        }
    }

    fun classify(image: MPImage): ImageClassifierResult = TODO()

    override fun close(): Unit = TODO()

    companion object {
        fun createFromOptions(context: Context, options: ImageClassifierOptions): ImageClassifier =
            TODO()
    }
}
