package org.junit

annotation class Test

object Assert {
    fun assertEquals(expected: Any?, actual: Any?): Unit = TODO()

    fun assertEquals(message: String, expected: Any?, actual: Any?): Unit = TODO()

    fun assertTrue(message: String, condition: Boolean): Unit = TODO()
}
