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
    [InlineData("memroy:1G", "unknown block 'memroy': did you mean 'memory'?; the stores are null:SIZE, memory:SIZE, file:PATH, file-direct:PATH, pattern:SIZE, nbd:URI, ext2:image=IMAGE[,file=FILE]; filters before them: delay, throttle, error, stats, log, readonly, blocksize, cow, noparallel, offset, partition")]
    [InlineData("qcow2:/x", "unknown block 'qcow2'; the stores are null:SIZE, memory:SIZE, file:PATH, file-direct:PATH, pattern:SIZE, nbd:URI, ext2:image=IMAGE[,file=FILE]; filters before them: delay, throttle, error, stats, log, readonly, blocksize, cow, noparallel, offset, partition")]
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

    [Theory]
    [InlineData("delay:read=1ms,write=2ms/memory:1G")]
    [InlineData("readonly/stats:name=a%2Fb%2C%25/error:rate=0.5/null:4P")]
    [InlineData("offset:offset=1k/offset:offset=1k,length=4k/memory:1M")]
    public void AChainIsMadeFromItsText(string text)
    {
        using IBlock block = BlockChain.Parse(text);
        Assert.Equal(text, block.Describe());
    }

    [Theory]
    [InlineData("delay:read=1ms/memory:1G", "delay:read=1ms/", "memory:1G")]
    [InlineData("stats/cow/file:/srv/a/b", "stats/cow/", "file:/srv/a/b")]
    [InlineData("file:delay:read=1/cow/x", "", "file:delay:read=1/cow/x")]
    [InlineData("nonsense/cow/x", "", "nonsense/cow/x")]
    [InlineData("stats", "", "stats")]
    public void AChainIsSplitUpToTheFirstStore(string text, string filters, string store) => Assert.Equal((filters, store), BlockChain.Split(text));

    [Theory]
    [InlineData("", "unknown block ''")]
    [InlineData("/", "unknown block ''")]
    [InlineData("/memory:1G", "unknown block ''")]
    [InlineData("stats//memory:1G", "unknown block ''")]
    [InlineData("@disk", "'@disk' is a block of a running server or of --node")]
    [InlineData("stats", "'stats' is a filter, and no store follows it: write stats/memory:1G")]
    [InlineData("delay:read=1ms/", "'delay' is a filter, and no store follows it: write delay:read=1ms/memory:1G")]
    [InlineData("delay:read/null:1G", "'delay': 'read' needs a value: read=TIME")]
    [InlineData("delay:read=/null:1G", "'delay': 'read' needs a value: read=TIME")]
    [InlineData("delay:read=1ms,/null:1G", "'delay': unknown parameter ''; its parameters are read, write, flush, trim, zero, cache, status")]
    [InlineData("delay:read=1ms,read=2ms/null:1G", "'delay': 'read' is given twice")]
    [InlineData("delay:read=1/null:1G", "'delay': read=1 is not a time with its unit, like 50us, 1ms or 3s, at most a day")]
    [InlineData("delay:read=-1s/null:1G", "'delay': read=-1s is not a time with its unit")]
    [InlineData("delay:read=99999999999999999999999999s/null:1G", "'delay': read=99999999999999999999999999s is not a time")]
    [InlineData("delay:wirte=1ms/null:1G", "'delay': unknown parameter 'wirte': did you mean 'write'?")]
    [InlineData("cow:size=1/null:1G", "'cow': unknown parameter 'size'; it takes no parameters")]
    [InlineData("stats:name=%/null:1G", "'stats': name=%: a '%' begins a percent-encoding")]
    [InlineData("stats:name=%2/null:1G", "'stats': name=%2: a '%' begins a percent-encoding")]
    [InlineData("stats:name=%zz/null:1G", "'stats': name=%zz: a '%' begins a percent-encoding")]
    [InlineData("stats:name=%-1/null:1G", "'stats': name=%-1: a '%' begins a percent-encoding")]
    [InlineData("stats:name=%00/null:1G", "'stats': name=%00: %00 cannot be part of a value")]
    [InlineData("stats:name=%ff/null:1G", "'stats': name=%ff: its percent-encoding is no UTF-8")]
    [InlineData("error:rate=2/null:1G", "'error': rate=2 is not a share from 0 to 1")]
    [InlineData("error:rate=10%/null:1G", "'error': rate=10%: a '%' begins a percent-encoding, like %2F for a slash; write %25 for the sign itself")]
    [InlineData("error:rate=NaN/null:1G", "'error': rate=NaN is not a share from 0 to 1")]
    [InlineData("error:errno=EIOO/null:1G", "'error': errno=EIOO is no error's name: did you mean 'EIO'?")]
    [InlineData("error:commands=red+write/null:1G", "'error': unknown command 'red': did you mean 'read'?; commands= takes read+write+flush+trim+zero+cache+status")]
    [InlineData("throttle/null:1G", "'throttle': rate= or requests= is missing")]
    [InlineData("throttle:rate=0/null:1G", "'throttle': rate=0 would let nothing through")]
    [InlineData("throttle:requests=0/null:1G", "'throttle': requests=0 is not a whole number from 1 to 1000000000")]
    [InlineData("log/null:1G", "'log': file= is missing: where to")]
    [InlineData("offset:offset=1G/null:1G", "'offset': offset=1073741824 is not inside the 1073741824 bytes of null:1G")]
    [InlineData("offset:offset=1,length=1G/null:1G", "'offset': length=1073741824 is not from 1 to 1073741823")]
    [InlineData("offset:length=0/null:1G", "'offset': length=0 is not from 1 to")]
    [InlineData("blocksize:minimum=3/null:1G", "'blocksize': minimum=3 is not a power of two from 1 to 65536")]
    [InlineData("blocksize:minimum=128k/null:1G", "'blocksize': minimum=131072 is not a power of two")]
    [InlineData("blocksize:minimum=4k,maximum=5k/null:1G", "'blocksize': maximum=5120 is not a multiple of 4096 up to")]
    [InlineData("blocksize:minimum=4k/null:1k", "'blocksize': minimum=4096 is more than the 1024 bytes of null:1k")]
    [InlineData("partition/null:1G", "'partition': number= is missing")]
    [InlineData("partition:number=0/null:1G", "'partition': number=0 is not a whole number from 1 to")]
    public void AWrongChainIsOneLineThatSaysWhat(string text, string begin)
    {
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse(text));
        Assert.StartsWith(begin, thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', thrown.Message);
        Assert.True(thrown.IsUsage);
    }

    [Fact]
    public void AChainHasABoundedNumberOfFilters()
    {
        string stats = string.Concat(Enumerable.Repeat("stats/", BlockChain.MaxFilters));
        using IBlock longest = BlockChain.Parse(stats + "null:1M");
        Assert.Contains("at most 64 filters", Assert.Throws<BlockException>(() => BlockChain.Parse($"stats/{stats}null:1M")).Message, StringComparison.Ordinal);
        Assert.Throws<BlockException>(() => BlockChain.Parse(string.Concat(Enumerable.Repeat("stats/", 100_000)) + "null:1M"));
    }

    [Fact]
    public void ArbitraryTextIsAChainOrOneLine()
    {
        var random = new Random(3);
        string[] names = ["delay", "stats", "error", "offset", "memory", "null", "read", "rate", "1ms", "1M"];
        string[] pieces = [.. names, ":", "/", ",", "=", "%", "%2F", "@", "\0", "ä", "0", "-", "+"];
        for (int i = 0; i < TestScale.Pick(5000, 500_000); i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            try
            {
                BlockChain.Parse(text).Dispose();
            }
            catch (BlockException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Theory]
    [InlineData("50us", 50_000)]
    [InlineData("1.5ms", 1_500_000)]
    [InlineData("3s", 3_000_000_000)]
    [InlineData("0s", 0)]
    [InlineData("1ns", 1)]
    public void TimesAreRead(string text, long ns)
    {
        Assert.True(TimeLength.TryParse(text, out long read));
        Assert.Equal(ns, read);
        Assert.True(ns == 0 || TimeLength.Format(ns) == text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("1")]
    [InlineData("1 s")]
    [InlineData("1m")]
    [InlineData("1..5s")]
    [InlineData("86401s")]
    public void WhatIsNoTimeIsRefused(string text) => Assert.False(TimeLength.TryParse(text, out _));

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
