using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What thread model a chain has, and who may change it.</summary>
public class ThreadModelTests
{
    [Theory]
    [InlineData("memory:1M", ThreadModel.Parallel)]
    [InlineData("noparallel/memory:1M", ThreadModel.SerializeRequests)]
    [InlineData("noparallel/delay:read=1ms/noparallel:serialize=all-requests/cow/memory:1M", ThreadModel.SerializeAllRequests)]
    [InlineData("noparallel:serialize=connections/noparallel:serialize=requests/memory:1M", ThreadModel.SerializeConnections)]
    public void A_chain_is_as_strict_as_its_strictest_block(string chain, ThreadModel expected)
    {
        using var graph = new BlockGraph(BlockChain.Parse(chain));
        Assert.Equal(expected, graph.ThreadModel);
    }

    [Fact]
    public void A_store_has_a_say_of_its_own()
    {
        IBlock filter = BlockWorld.Filter("delay", "read=1ms", new HeldBlock { ThreadModel = ThreadModel.SerializeAllRequests });
        using var graph = new BlockGraph(filter);
        Assert.Equal(ThreadModel.SerializeAllRequests, graph.ThreadModel);
    }

    [Fact]
    public void It_may_be_tightened_and_never_loosened()
    {
        foreach (ThreadModel asked in Enum.GetValues<ThreadModel>())
        {
            IBlock chain = BlockChain.Parse("delay:read=1ms/noparallel:serialize=all-requests/memory:1M");
            if (asked <= ThreadModel.SerializeAllRequests)
            {
                using var graph = new BlockGraph(chain, threadModel: asked);
                Assert.Equal(asked, graph.ThreadModel);
                continue;
            }

            BlockException refused = Assert.Throws<BlockException>(() => new BlockGraph(chain, threadModel: asked));
            Assert.True(refused.IsUsage);
            Assert.Equal($"thread model {asked.Text()} is looser than serialize-all-requests, and 'noparallel' allows no more than that", refused.Message);
        }
    }

    [Fact]
    public void One_client_at_a_time_is_not_told_to_open_several_connections()
    {
        using var graph = new BlockGraph(BlockChain.Parse("noparallel:serialize=connections/memory:1M"));
        Assert.Equal(TransmissionFlags.None, graph.TransmissionFlags & TransmissionFlags.CanMultiConn);
        using var other = new BlockGraph(BlockChain.Parse("noparallel:serialize=all-requests/memory:1M"));
        Assert.Equal(TransmissionFlags.CanMultiConn, other.TransmissionFlags & TransmissionFlags.CanMultiConn);
    }

    [Fact]
    public void What_the_catalogs_say_the_blocks_do()
    {
        Assert.Equal(["serialize-connections", "serialize-all-requests", "serialize-requests", "parallel"], ThreadModels.Words);
        foreach (FilterKind kind in FilterCatalog.All.Where(kind => kind.Parameters.Count == 0 || kind.Name == "noparallel"))
        {
            using BlockFilter filter = BlockWorld.Filter(kind.Name, string.Empty, new MemoryStore(1 << 20));
            Assert.Equal(kind.ThreadModel, filter.ThreadModel);
        }

        using IBlock store = new MemoryStore(1 << 20);
        Assert.Equal(StoreCatalog.All.Single(kind => kind.Name == store.Name).ThreadModel, store.ThreadModel);
        Assert.Contains("\nThread model: serialize-requests\n", VerbConsole.Invoke("blocks", "noparallel").Output, StringComparison.Ordinal);
        Assert.Contains("\"thread_model\": \"parallel\"", VerbConsole.Invoke("blocks", "memory", "--json", "-").Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("harness: --block noparallel/memory:1M: thread model parallel is looser than serialize-requests, and 'noparallel' allows no more than that", "parallel")]
    [InlineData("harness serve: --thread-model: unknown thread model 'serialise-requests'; did you mean 'serialize-requests'?", "serialise-requests")]
    public void Serve_refuses_in_one_line(string message, string model)
    {
        var (code, output, error) = VerbConsole.Invoke("serve", "--block", "noparallel/memory:1M", "--thread-model", model);
        Assert.Equal((2, string.Empty), (code, output));
        Assert.StartsWith(message, error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
    }

    [Fact]
    public void A_mistyped_word_of_noparallel_is_named()
    {
        BlockException refused = Assert.Throws<BlockException>(() => BlockChain.Parse("noparallel:serialize=all-request/memory:1M"));
        Assert.Equal("'noparallel': serialize=all-request is none of connections, all-requests, requests: did you mean 'all-requests'?", refused.Message);
    }
}
