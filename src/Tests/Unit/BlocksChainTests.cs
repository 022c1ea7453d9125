using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Chains and sizes as they are written, and what is said where they are written wrongly.</summary>
public class BlocksChainTests
{
    [Theory]
    [InlineData("memory:1G", "memory:1G", 1ul << 30)]
    [InlineData("null:64m", "null:64M", 64ul << 20)]
    [InlineData("null:1000", "null:1000", 1000)]
    [InlineData("null:4P", "null:4P", 4ul << 50)]
    public void AStoreIsMadeFromItsText(string text, string described, ulong size)
    {
        using IBlock block = BlockChain.Parse(text);
        Assert.Equal(described, block.Describe());
        Assert.Equal(size, block.Size);
    }

    [Theory]
    [InlineData("memroy:1G", "unknown store 'memroy': did you mean 'memory'?; the stores are null:SIZE, memory:SIZE, file:PATH")]
    [InlineData("qcow2:/x", "unknown store 'qcow2'; the stores are null:SIZE, memory:SIZE, file:PATH")]
    [InlineData("memory", "'memory' needs a size, and none is given: write memory:1G")]
    [InlineData("memory:0", "'memory' needs a size, and '0' is none: write memory:1G")]
    [InlineData("memory:1Q", "'memory' needs a size, and '1Q' is none: write memory:1G")]
    [InlineData("null:8192P", "'null' needs a size, and '8192P' is none: write null:1G")]
    [InlineData("file:", "'file' needs a path: file:/srv/disk.img")]
    public void WhatIsWrongIsSaidInOneLine(string text, string message)
    {
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse(text));
        Assert.Equal(message, thrown.Message);
        Assert.True(thrown.IsUsage);
    }

    [Fact]
    public void AMissingFileIsNamedWithTheRemedy()
    {
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse("file:/nonexistent/disk.img"));
        Assert.Equal("there is no file '/nonexistent/disk.img'; make one, for example with 'truncate -s 1G /nonexistent/disk.img'", thrown.Message);
        Assert.False(thrown.IsUsage);
    }

    [Fact]
    public void ADirectoryAndAnEmptyFileAreRefused()
    {
        var directory = Assert.Throws<BlockException>(() => BlockChain.Parse($"file:{Path.GetTempPath()}"));
        Assert.Contains("it is a directory", directory.Message, StringComparison.Ordinal);
        string empty = Path.GetTempFileName();
        Assert.Contains("is empty", Assert.Throws<BlockException>(() => BlockChain.Parse($"file:{empty}")).Message, StringComparison.Ordinal);
        File.Delete(empty);
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("4k", 4096)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void SizesAreRead(string text, ulong bytes)
    {
        Assert.True(ByteSize.TryParse(text, out ulong read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("k")]
    [InlineData("-1")]
    [InlineData("1.5G")]
    [InlineData("1 G")]
    [InlineData("9223372036854775808")]
    [InlineData("8589934592G")]
    public void WhatIsNoSizeIsRefused(string text) => Assert.False(ByteSize.TryParse(text, out _));
}
