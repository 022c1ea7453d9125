using Harness.Copy;
using Harness.Io;

namespace Harness.Tests;

/// <summary>A bar that is taken away, or lines that stay where stderr is no terminal.</summary>
public class CopyProgressTests
{
    [Theory]
    [InlineData(120, "\r\x1b[2K[========                        ] 25 %  copied 256 of 1,024 MiB, 2,560 MiB/s, 0 s left")]
    [InlineData(20, "\r\x1b[2K[========          ")]
    public void On_a_terminal_it_is_a_bar(int width, string bar)
    {
        string drawn = Draw(width, seconds: 0.1, out string atEnd);
        Assert.Equal(bar, drawn);
        Assert.Equal("\r\x1b[2K", atEnd);
    }

    [Fact]
    public void Elsewhere_it_is_a_line_every_five_seconds()
    {
        Assert.Empty(Draw(null, seconds: 4.9, out _));
        Assert.Equal("harness copy: 25 %  copied 256 of 1,024 MiB, 51 MiB/s, 15 s left\n", Draw(null, seconds: 5, out string atEnd));
        Assert.Empty(atEnd);
    }

    private static string Draw(int? width, double seconds, out string atEnd)
    {
        using var loop = new EventLoop(new SimulatedBackend());
        using var text = new StringWriter { NewLine = "\n" };
        var progress = new CopyProgress(loop, text, width);
        progress.Begin("copied", 1 << 30, () => 256 << 20);
        loop.LoopOnce((long)(seconds * 1e9));
        string drawn = text.ToString();
        progress.End();
        atEnd = text.ToString()[drawn.Length..];
        return drawn;
    }
}
