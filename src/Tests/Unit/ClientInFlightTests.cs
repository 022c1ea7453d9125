using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The table of requests in flight: cookies are good once, and the oldest is known.</summary>
public class ClientInFlightTests
{
    [Fact]
    public void A_cookie_is_good_once_and_its_slot_comes_back_with_another_generation()
    {
        var table = new InFlight(4);
        int slot = table.Take(Request());
        ulong cookie = table.CookieOf(slot);
        Assert.Equal(CookieVerdict.InFlight, table.Judge(cookie));
        table.Release(slot);
        Assert.Equal(CookieVerdict.AnsweredBefore, table.Judge(cookie));
        Assert.Equal(slot, table.Take(Request()));
        Assert.NotEqual(cookie, table.CookieOf(slot));
        Assert.Equal(CookieVerdict.AnsweredBefore, table.Judge(cookie));
        Assert.Equal(CookieVerdict.NeverIssued, table.Judge(cookie + (2UL << 32)));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(1ul)]
    [InlineData(ulong.MaxValue)]
    [InlineData(0xffffffff00000000ul)]
    [InlineData(0x00000000fffffffful)]
    [InlineData(0x0000000180000000ul)]
    public void Made_up_cookies_are_not_good(ulong cookie)
    {
        var table = new InFlight(16);
        table.Take(Request());
        Assert.Equal(CookieVerdict.NeverIssued, table.Judge(cookie));
    }

    [Fact]
    public void The_oldest_is_known_whatever_order_they_end_in()
    {
        var table = new InFlight(1000);
        var random = new Random(1);
        var order = new List<int>();
        for (int step = 0; step < 5000; step++)
        {
            if (order.Count < 300 && random.Next(2) == 0)
            {
                order.Add(table.Take(Request()));
            }
            else if (order.Count > 0)
            {
                int index = random.Next(order.Count);
                table.Release(order[index]);
                order.RemoveAt(index);
            }

            Assert.Equal(order.Count, table.Count);
            Assert.Equal(order.Count > 0 ? order[0] : -1, table.Oldest);
        }
    }

    [Fact]
    public void It_grows_to_its_bound_and_no_further()
    {
        var table = new InFlight(300);
        for (int i = 0; i < 300; i++)
        {
            Assert.False(table.IsFull);
            Assert.Equal(CookieVerdict.InFlight, table.Judge(table.CookieOf(table.Take(Request()))));
        }

        Assert.True(table.IsFull);
    }

    [Fact]
    public void An_abandoned_request_keeps_its_slot_until_the_late_reply()
    {
        var table = new InFlight(1);
        ClientRequest request = Request();
        int slot = table.Take(request);
        ulong cookie = table.CookieOf(slot);
        Assert.Same(request, table.Abandon(slot));
        Assert.True(table.IsFull);
        Assert.Equal(-1, table.Oldest);
        Assert.Equal(CookieVerdict.Late, table.Judge(cookie));
        Assert.Equal(512u, table.PayloadBytesOf(slot));
        table.Release(slot);
        Assert.True(table.IsEmpty);
        Assert.Equal(CookieVerdict.AnsweredBefore, table.Judge(cookie));
    }

    private static ClientRequest Request() => new(new ScriptedRequest(NbdCommand.Flush, 0, 0)) { Command = NbdCommand.Read, Length = 512 };
}
