using Harness.Matrix;

namespace Harness.Tests.Unit;

public class MatrixUnitsTests
{
    [Theory]
    [InlineData("512", 512)]
    [InlineData("4k", 4096)]
    [InlineData("4K", 4096)]
    [InlineData("1M", 1 << 20)]
    [InlineData("1G", 1 << 30)]
    [InlineData("2T", 2L << 40)]
    public void Sizes_are_read_in_powers_of_1024(string text, long bytes) => Assert.Equal(bytes, Units.ParseSize(text));

    [Theory]
    [InlineData("50us", 500)]
    [InlineData("1ms", 10_000)]
    [InlineData("1.5ms", 15_000)]
    [InlineData("3s", 30_000_000)]
    [InlineData("0s", 0)]
    public void Times_are_read_in_their_unit(string text, long ticks) => Assert.Equal(ticks, Units.ParseTime(text).Ticks);

    [Theory]
    [InlineData("4x", "unknown unit 'x' in size '4x'; the units are k, M, G and T")]
    [InlineData("4kB", "unknown unit 'kB' in size '4kB'; the units are k, M, G and T")]
    [InlineData("k", "'k' is not a size; write a whole number and a unit, like 512, 4k, 1M or 1G")]
    [InlineData("1.5k", "'1.5k' is not a size; write a whole number and a unit, like 512, 4k, 1M or 1G")]
    [InlineData("-1", "'-1' is not a size; write a whole number and a unit, like 512, 4k, 1M or 1G")]
    [InlineData("", "'' is not a size; write a whole number and a unit, like 512, 4k, 1M or 1G")]
    [InlineData("9999999999T", "size '9999999999T' is larger than a file can be")]
    public void A_bad_size_says_what_is_legal(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => Units.ParseSize(text)).Message);

    [Theory]
    [InlineData("3", "time '3' has no unit; write 3us, 3ms or 3s")]
    [InlineData("3m", "unknown unit 'm' in time '3m'; the units are us, ms and s")]
    [InlineData("soon", "'soon' is not a time; write a number and a unit, like 50us, 1ms or 3s")]
    [InlineData("99999999999s", "time '99999999999s' is longer than a year")]
    public void A_bad_time_says_what_is_legal(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => Units.ParseTime(text)).Message);

    [Theory]
    [InlineData("512")]
    [InlineData("1000")]
    [InlineData("4k")]
    [InlineData("256M")]
    [InlineData("0")]
    public void A_size_is_written_as_it_is_read(string text) => Assert.Equal(text, Units.FormatSize(Units.ParseSize(text)));

    [Theory]
    [InlineData("50us")]
    [InlineData("0.5us")]
    [InlineData("1ms")]
    [InlineData("1500ms")]
    [InlineData("3s")]
    [InlineData("0s")]
    public void A_time_is_written_as_it_is_read(string text) => Assert.Equal(text, Units.FormatTime(Units.ParseTime(text)));

    [Theory]
    [InlineData("uringg", "uring")]
    [InlineData("epol", "epoll")]
    [InlineData("uring_poll", "uring-poll")]
    [InlineData("pol", "poll")]
    [InlineData("kqueue", null)]
    public void The_closest_word_is_suggested_where_one_is_close(string word, string? expected) =>
        Assert.Equal(expected, Suggest.Closest(word, Vocabulary.Backends));

    [Fact]
    public void The_words_for_backends_and_wait_modes_are_those_of_the_loop()
    {
        Assert.Equal(Io.LoopBackends.All, Vocabulary.Backends);
        Assert.Equal(Enum.GetValues<Io.WaitMode>(), Vocabulary.Waits.Select(word => Enum.Parse<Io.WaitMode>(word, ignoreCase: true)));
    }
}
