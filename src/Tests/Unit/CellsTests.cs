using Harness.Matrix;
using Harness.Results;

namespace Harness.Tests.Unit;

public class CellsTests
{
    [Fact]
    public void An_id_names_backend_depth_rw_and_what_is_not_at_its_default()
    {
        Assert.Equal("backend=poll,depth=64,rw=read", new Cell(new Dictionary<string, string>()).Id);
        Assert.Equal(
            "backend=uring,wait=spin,depth=1,connections=4,size=1M,rw=mix:70,pattern=sequential,transport=tcp6,block=null:1G",
            new Cell(new Dictionary<string, string>
            {
                ["block"] = "null:1G",
                ["transport"] = "tcp6",
                ["pattern"] = "sequential",
                ["rw"] = "mix:70",
                ["size"] = "1M",
                ["connections"] = "4",
                ["depth"] = "1",
                ["wait"] = "spin",
                ["backend"] = "uring",
            }).Id);
    }

    [Theory]
    [InlineData("*rw=read*", 2)]
    [InlineData("backend=uring,", 2)]
    [InlineData("backend=?poll", 2)]
    [InlineData("*", 4)]
    public void A_filter_selects_by_id(string glob, int expected) => Assert.Equal(expected, CellFilter.Select(Four(), glob).Count);

    [Fact]
    public void A_filter_that_matches_nothing_is_bad_usage_and_shows_an_id()
    {
        var error = Assert.Throws<HarnessException>(() => CellFilter.Select(Four(), "backend=kqueue*"));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Equal("--filter 'backend=kqueue*' matches none of 4 cells; the first is 'backend=epoll,depth=64,rw=read'", error.Message);
    }

    [Fact]
    public void An_id_becomes_a_file_name_that_no_other_id_has()
    {
        Assert.Equal("backend=uring,block=file:%2Fdisk", CellFile.Name("backend=uring,block=file:/disk"));
        Assert.NotEqual(CellFile.Name("a/b"), CellFile.Name("a%2Fb"));
        var (one, other) = (CellFile.Name(new string('x', 400) + "1"), CellFile.Name(new string('x', 400) + "2"));
        Assert.NotEqual(one, other);
        Assert.True(one.Length <= 200);
    }

    private static Cell[] Four() =>
    [
        .. from backend in (string[])["epoll", "uring"]
           from rw in (string[])["read", "write"]
           select new Cell(new Dictionary<string, string> { ["backend"] = backend, ["rw"] = rw }),
    ];
}
