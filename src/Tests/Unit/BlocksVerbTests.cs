using System.Text.Json;
using Harness.Nbd;

namespace Harness.Tests.Unit;

/// <summary><c>harness blocks</c>, and what is said of chains that are written wrongly.</summary>
public class BlocksVerbTests
{
    [Fact]
    public void All_blocks_are_listed_and_explained()
    {
        var (code, output, error) = VerbConsole.Invoke("blocks");
        Assert.Equal((0, ""), (code, error));
        string[] names = [.. StoreCatalog.All.Select(kind => kind.Name), .. FilterCatalog.All.Select(kind => kind.Name)];
        Assert.All(names, name => Assert.Contains($"\n  {name}", output, StringComparison.Ordinal));
        Assert.All(output.Split('\n'), line => Assert.InRange(line.Length, 0, 130));
        foreach (string name in names)
        {
            Assert.Equal(0, VerbConsole.Invoke("blocks", name).Code);
        }

        Assert.Contains("read=TIME", VerbConsole.Invoke("blocks", "delay").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_json_has_every_parameter()
    {
        using var json = JsonDocument.Parse(VerbConsole.Invoke("blocks", "--json", "-").Output);
        JsonElement[] blocks = [.. json.RootElement.GetProperty("blocks").EnumerateArray()];
        Assert.Equal(StoreCatalog.All.Count + FilterCatalog.All.Count, blocks.Length);
        JsonElement delay = blocks.Single(block => block.GetProperty("name").GetString() == "delay");
        Assert.Equal("filter", delay.GetProperty("kind").GetString());
        IEnumerable<string?> parameters = delay.GetProperty("parameters").EnumerateArray().Select(parameter => parameter.GetProperty("name").GetString());
        Assert.Equal(["read", "write", "flush", "trim", "zero", "cache", "status"], parameters);
        using var one = JsonDocument.Parse(VerbConsole.Invoke("blocks", "cow", "--json", "-").Output);
        Assert.Equal("cow", Assert.Single(one.RootElement.GetProperty("blocks").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public void A_mistyped_name_is_one_line_and_2()
    {
        var (code, output, error) = VerbConsole.Invoke("blocks", "dalay");
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("harness blocks: unknown block 'dalay'; did you mean 'delay'? legal: null, memory, file, file-direct, pattern, nbd, ext2, delay,", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Serve_lists_them_with_their_parameters_in_its_help()
    {
        string help = VerbConsole.Invoke("serve", "--help").Output;
        Assert.All(FilterCatalog.All, kind => Assert.Contains($"  {kind.Synopsis}\n", help, StringComparison.Ordinal));
        Assert.All(StoreCatalog.All, kind => Assert.Contains($"  {kind.Synopsis}\n", help, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("dely:read=1ms/memory:1M", "unknown block 'dely': did you mean 'delay'?")]
    [InlineData("delay:reed=1ms/memory:1M", "'delay': unknown parameter 'reed': did you mean 'read'?; its parameters are read, write, flush, trim, zero, cache, status")]
    [InlineData("partition:number=1/memory:1M", "'partition': there is neither a GPT nor an MBR partition table", 1)]
    public void Serve_refuses_a_wrong_chain(string chain, string message, int expected = 2)
    {
        var (code, output, error) = VerbConsole.Invoke("serve", "--block", chain);
        Assert.Equal(expected, code);
        Assert.Empty(output);
        Assert.StartsWith($"harness: --block {chain}: {message}", error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
    }

    [Fact]
    public void Every_example_is_a_chain_that_can_be_made()
    {
        using var folder = new TempDir();
        string file = folder.File("disk");
        File.WriteAllBytes(file, PartitionImages.Mbr(diskBytes: 4096, start: 2048, sectors: 100));
        using (FileStream disk = File.OpenWrite(file))
        {
            disk.SetLength(80 << 20);
        }

        foreach (FilterKind kind in FilterCatalog.All)
        {
            string log = folder.File("requests.log").Replace("/", "%2F", StringComparison.Ordinal);
            string example = kind.Example.Replace("/srv/disk.img", file, StringComparison.Ordinal).Replace("%2Ftmp%2Frequests.log", log, StringComparison.Ordinal);
            using IBlock block = BlockChain.Parse(example);
            Assert.Equal(example, block.Describe());
        }
    }
}
