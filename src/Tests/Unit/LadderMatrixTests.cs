using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>Cells of the rungs below NBD, and the two matrices of them and of the backends.</summary>
public sealed class LadderMatrixTests : IDisposable
{
    private static readonly (string Connections, string Depth, string Size)[] s_limits =
    [
        ("1", "64", "512"), ("1", "256", "512"), ("1", "64", "4k"), ("16", "16", "512"), ("16", "16", "4k"),
        ("64", "4", "512"), ("64", "4", "4k"), ("256", "4", "512"), ("256", "4", "4k"),
    ];

    // Those of the matrices: uring-epoll is for code that closes descriptors by itself, as ours does not.
    private static readonly string[] s_backends = ["poll", "epoll", "uring-poll", "uring"];

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("nop", "depth=64,layer=nop")]
    [InlineData("exchange", "wait=spin,depth=64,connections=2,rw=read,layer=exchange")]
    [InlineData("nbd", "backend=uring,wait=spin,depth=64,connections=2,rw=read,pattern=sequential,block=null:1M")]
    public void A_cell_is_named_by_what_its_layer_has(string layer, string id)
    {
        var cell = Cell(
            ("layer", layer), ("backend", "uring"), ("wait", "spin"), ("connections", "2"), ("pattern", "sequential"), ("block", "null:1M"),
            ("client_backend", "uring"));
        Assert.Equal(id, cell.Id);
        // Read back from a record it is the same cell.
        Assert.Equal(id, new Cell(cell.Values).Id);
    }

    [Fact]
    public void Cells_that_differ_only_in_what_their_layer_does_not_have_are_one()
    {
        var cells = Matrix("layer: [nop, exchange, nbd]\nwait: [block, spin]\nblock: ['memory:1M', 'null:1M']\nsize: [512, 4k]\n").Cells();
        Assert.Single(cells, cell => cell.Layer == "nop");
        Assert.Equal(4, cells.Count(cell => cell.Layer == "exchange"));
        Assert.Equal(5 * 2 * 2 * 2, cells.Count(cell => cell.Layer == "nbd"));
    }

    [Theory]
    [InlineData("layer: exchang", "1: unknown layer 'exchang'; did you mean 'exchange'? legal: nbd, exchange, nop, events, syscall")]
    [InlineData("fill: yes", "1: fill: unknown value 'yes'; legal: true, false")]
    [InlineData("parts:\n  - { layer: [nop, nop] }", "2: layer: 'nop' is there twice")]
    public void A_mistake_is_one_line_that_says_where_and_what_is_legal(string yaml, string message)
    {
        var error = Assert.Throws<HarnessException>(() => Matrix(yaml));
        Assert.Equal($"{_folder.File("m.yml")}:{message}", error.Message);
    }

    [Theory]
    [InlineData("exchange", "rw", "write", "the exchange has the bytes of reads; leave rw at read")]
    [InlineData("exchange", "wait", "adaptive", "the exchange blocks or spins; leave adaptive to NBD")]
    [InlineData("exchange", "size", "512:50+4k:50", "the exchange has one size; give no shares")]
    [InlineData("exchange", "rate", "500", "the layer exchange keeps no schedule; leave rate at closed")]
    [InlineData("nop", "client", "fio", "the layer nop has no peers; leave server and client at harness")]
    [InlineData("nop", "depth", "65536", "a ring has at most 32768 entries; give nop a smaller depth")]
    [InlineData("exchange", "depth", "65536", null)]
    public void What_a_layer_cannot_do_is_refused_by_name(string layer, string axis, string value, string? reason) =>
        Assert.Equal(reason, MatrixRunner.Refusal(Cell(("layer", layer), (axis, value)), new RingFacts { Available = true }));

    [Fact]
    public void Without_a_ring_there_are_no_nops_but_an_exchange()
    {
        var none = new RingFacts { Available = false, Refusal = "seccomp" };
        Assert.Equal("io_uring is refused: seccomp", MatrixRunner.Refusal(Cell(("layer", "nop")), none));
        Assert.Null(MatrixRunner.Refusal(Cell(("layer", "exchange")), none));
    }

    [Theory]
    [InlineData("file:256M", "file", 256L << 20, "file:/there")]
    [InlineData("delay:read=1ms,write=2ms/cow/file-direct:4M", "file-direct", 4L << 20, "delay:read=1ms,write=2ms/cow/file-direct:/there")]
    [InlineData("ext2:1M", "ext2", 1L << 20, "ext2:image=/there,file=/disk")]
    [InlineData("stats/nbd:1G", "nbd", 1L << 30, "stats/nbd:/there")]
    public void A_store_of_a_size_is_made_for_the_cell(string chain, string kind, long bytes, string served)
    {
        var store = MadeStore.In(chain);
        Assert.Equal(new MadeStore(kind, bytes), store);
        Assert.Equal(served, store!.At(chain, "/there"));
    }

    [Theory]
    [InlineData("file:/srv/disk.img")]
    [InlineData("file-direct:disk")]
    [InlineData("ext2:image=/srv/fs.img,file=/disk")]
    [InlineData("nbd:nbd://localhost/disk")]
    [InlineData("nbd://localhost")]
    [InlineData("memory:256M")]
    [InlineData("null:1G")]
    [InlineData("none")]
    public void A_store_that_names_a_place_is_left_as_it_is(string chain) => Assert.Null(MadeStore.In(chain));

    [Fact]
    public void What_cannot_be_made_here_is_refused_by_name()
    {
        Assert.StartsWith("/dev/shm ", MatrixRunner.Refusal(Cell(("block", "file:1000000G"), ("backend", "epoll")), new RingFacts { Available = true }));
        var behind = new MadeStore("nbd", 1 << 20);
        const string Three = "beside a server behind the server, loops that spin need three CPUs, or they keep each other waiting; leave wait at block";
        Assert.Equal(Three, behind.Refusal(Cell(("block", "nbd:1M"), ("wait", "spin")), cpus: 2));
        Assert.Equal(Three, behind.Refusal(Cell(("block", "nbd:1M"), ("client_wait", "spin")), cpus: 2));
        Assert.Null(behind.Refusal(Cell(("block", "nbd:1M"), ("wait", "spin")), cpus: 3));
        Assert.Null(behind.Refusal(Cell(("block", "nbd:1M"), ("wait", "adaptive")), cpus: 2));
    }

    [Fact]
    public void A_comparison_can_measure_rungs_again()
    {
        Cell[] cells = [Cell(("layer", "nop")), Cell(("layer", "exchange"), ("wait", "spin")), Cell(("backend", "uring"))];
        var text = SuspectMatrix.Text(ResultsSamples.Run, [.. cells.Select(cell => ResultsSamples.Ok(cell, 1, 1000))]);
        Assert.Equal(cells.Select(cell => cell.Id).Order(), Matrix(text).Cells().Select(cell => cell.Id).Order());
    }

    [Theory]
    [InlineData("block")]
    [InlineData("spin")]
    public void The_ladder_has_the_limit_and_memory_in_every_place_of_the_goals(string wait)
    {
        var cells = Bench("ladder", brief: false).Cells();
        foreach (var (connections, depth, size) in s_limits)
        {
            var place = cells.Where(cell => (cell["connections"], cell["depth"], cell["size"], cell["wait"]) == (connections, depth, size, wait)).ToArray();
            Assert.Single(place, cell => cell.Layer == "exchange");
            string[] backends = int.Parse(connections) > 16 ? ["epoll", "uring-poll", "uring"] : s_backends;
            Assert.Equal(backends, place.Where(cell => cell["block"] == "memory:256M").Select(cell => cell.Backend));
            Assert.Single(cells, cell => cell.Layer == "nop" && cell["depth"] == depth);
        }
        Assert.Contains(cells, cell => cell["block"] == "null:256M" && cell["wait"] == wait);
        Assert.Contains(cells, cell => cell["block"] == "file:256M" && cell["wait"] == wait);
        Assert.Contains(cells, cell => cell["block"] == "ext2:256M" && cell["wait"] == wait);
    }

    [Theory]
    [InlineData("file-direct:256M")]
    [InlineData("nbd:256M")]
    public void Stores_with_threads_or_a_server_of_their_own_stand_on_the_ladder_where_loops_sleep(string block)
    {
        var cells = Bench("ladder", brief: false).Cells().Where(cell => cell["block"] == block).ToArray();
        Assert.Equal(["epoll", "uring"], cells.Select(cell => cell.Backend).Distinct());
        Assert.All(cells, cell => Assert.Equal("block", cell["wait"]));
    }

    [Fact]
    public void The_matrices_have_as_many_cells_and_rounds_as_they_say()
    {
        Assert.Equal((113, 7), (Bench("ladder", brief: false).Cells().Count, Bench("ladder", brief: false).Rounds));
        Assert.Equal((124, 7), (Bench("backends", brief: false).Cells().Count, Bench("backends", brief: false).Rounds));
        Assert.Equal(20, Bench("ladder", brief: true).Cells().Count);
        Assert.Equal(12, Bench("backends", brief: true).Cells().Count);
    }

    [Fact]
    public void The_backends_stand_in_every_group_from_one_connection_to_a_thousand_within_bounds()
    {
        var cells = Bench("backends", brief: false).Cells();
        Assert.All(cells.GroupBy(cell => cell.With("backend", "epoll").Id), group => Assert.Equal(s_backends, group.Select(cell => cell.Backend)));
        Assert.Equal(["1", "1000", "16", "256", "64"], cells.Select(cell => cell["connections"]).Distinct().Order(StringComparer.Ordinal));
        Assert.Subset(cells.Select(cell => (cell["connections"], cell["depth"], cell["size"])).ToHashSet(), new HashSet<(string, string, string)>
        {
            ("1", "1", "512"), ("1", "16", "512"), ("1", "64", "512"), ("1", "256", "512"),
            ("16", "16", "512"), ("64", "4", "512"), ("256", "4", "512"), ("1", "4", "2M"),
        });
        Assert.All(cells, cell => Assert.InRange(int.Parse(cell["connections"]) * long.Parse(cell["depth"]) * Units.ParseSize(cell["size"]), 1, 16 << 20));
    }

    private static MatrixDefinition Bench(string name, bool brief) => MatrixReader.Read(Path.Combine(Repository.Root, "bench", $"{name}.yml"), brief);

    private static Cell Cell(params (string Axis, string Value)[] values) => new(values.ToDictionary(pair => pair.Axis, pair => pair.Value));

    private MatrixDefinition Matrix(string yaml)
    {
        var path = _folder.File("m.yml");
        File.WriteAllText(path, yaml);
        return MatrixReader.Read(path, brief: false);
    }
}
